-- Weather at the airport of departure, an observation a row, with what its last three hours showed.
-- An observation that was published later than this row's is not in it, even if it was made earlier.
with last_hours as (
    select
        newest.origin, newest.observed_at,
        -- Rounded to the gauge's hundredth of an inch, so that the order of adding up leaves no trace.
        round(sum(earlier.precipitation_in), 2) as precipitation_3h_in,
        arg_min(earlier.pressure_mb, earlier.observed_at) as oldest_pressure_mb
    from weather as newest
    join weather as earlier
        on earlier.origin = newest.origin
        and earlier.observed_at > newest.observed_at - interval 3 hours
        and earlier.observed_at <= newest.observed_at
        and earlier.published_at <= newest.published_at
    group by newest.origin, newest.observed_at
)
select
    origin, temperature_f, dew_point_f, humidity_pct, wind_direction_deg, wind_speed_mph, wind_gust_mph, precipitation_in,
    precipitation_3h_in, pressure_mb, round(pressure_mb - oldest_pressure_mb, 1) as pressure_change_3h_mb, visibility_mi,
    observed_at as event_timestamp, published_at as created_timestamp
from weather
join last_hours using (origin, observed_at)
