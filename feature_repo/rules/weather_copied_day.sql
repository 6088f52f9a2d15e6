-- table: weather
-- severity: refuse
-- tolerance: 0.005
-- tolerance_a_day: 0.2
-- origin: no hour of 2013 repeats another day's readings
-- owner: meteorology
-- message: repeats all readings of the same hour on another day: a stale copy
select distinct a.origin, a.observed_at
from weather a join weather b using (origin, temperature_f, dew_point_f, humidity_pct, wind_speed_mph, precipitation_in)
where b.observed_at <> a.observed_at
    and a.wind_direction_deg is not distinct from b.wind_direction_deg
    and a.pressure_mb is not distinct from b.pressure_mb
    and extract(hour from a.observed_at) = extract(hour from b.observed_at)
