-- How the airport of departure runs, each quarter of an hour in which news of any flight came in: what was reported in
-- the last one and three hours, and how many departures are planned around two hours ahead.
-- No news, no row: when the feed of outcomes stops, this view grows stale, and does not report a quiet airport.
with news as (
    select
        origin, status, departed_at, departure_delay_minutes, not_on_time, label_known_at as known_at,
        -- The quarter of an hour that ends at or after the news.
        time_bucket(interval 15 minutes, label_known_at + interval 15 minutes - interval 1 microsecond) as first_at
    from labels
    join outcomes using (carrier, flight_number, origin, scheduled_departure_at)
    where not_on_time is not null
),
moments as (
    select origin, moment
    from (select distinct first_at as moment from news)
    cross join (select distinct origin from flights)
),
counted as (
    select *, unnest(generate_series(
        first_at, known_at + interval 3 hours - interval 1 microsecond, interval 15 minutes)) as moment
    from news
),
recent as (
    select
        origin, moment,
        count(*) as reported_3h,
        avg(not_on_time) filter (known_at > moment - interval 1 hour) as late_share_1h,
        avg(not_on_time) as late_share_3h,
        avg((status = 'cancelled')::tinyint) as cancelled_share_3h,
        avg(departure_delay_minutes) filter (known_at > moment - interval 1 hour) as departure_delay_1h_minutes,
        avg(departure_delay_minutes) as departure_delay_3h_minutes,
        avg(departure_delay_minutes) filter (departed_at > moment - interval 3 hours) as departed_3h_delay_minutes
    from counted
    group by origin, moment
),
planned as (
    -- Each flight counts from two and a half to one and a half hours before it leaves.
    select origin, published_at, unnest(generate_series(
        time_bucket(
            interval 15 minutes,
            scheduled_departure_at - interval 150 minutes + interval 15 minutes - interval 1 microsecond
        ),
        scheduled_departure_at - interval 90 minutes, interval 15 minutes)) as moment
    from flights
),
ahead as (
    select origin, moment, count(*) as departures_ahead
    from planned
    where published_at <= moment
    group by origin, moment
)
select
    origin, late_share_1h, late_share_3h, cancelled_share_3h, departure_delay_1h_minutes, departure_delay_3h_minutes,
    departed_3h_delay_minutes, coalesce(reported_3h, 0) as reported_3h, coalesce(departures_ahead, 0) as departures_ahead,
    moment as event_timestamp, moment as created_timestamp
from moments
left join recent using (origin, moment)
left join ahead using (origin, moment)
-- An airport that nobody has heard of yet has no row, even if its first flight is known by now.
where reported_3h > 0 or departures_ahead > 0
