-- How the airport of departure runs, each quarter of an hour in which news of any flight came in: what was reported in
-- the last one and three hours, and how many departures are planned around two hours ahead.
-- No news, no row: when the feed of outcomes stops, this view grows stale, and does not report a quiet airport.
-- Moments are counted in quarters of an hour since 1970: whole numbers take a third of the time that times do.
with news as (
    select
        origin, status, departure_delay_minutes, not_on_time,
        -- The quarters that end at or after the news, and at or after the departure.
        (epoch_us(label_known_at) + 899_999_999) // 900_000_000 as first_quarter,
        (epoch_us(departed_at) + 899_999_999) // 900_000_000 as departed_quarter
    from labels
    join outcomes using (carrier, flight_number, origin, scheduled_departure_at)
    where not_on_time is not null
),
moments as (
    select origin, quarter
    from (select distinct first_quarter as quarter from news)
    cross join (select distinct origin from flights)
),
counted as (
    -- News counts for three hours: twelve quarters.
    select *, unnest(range(first_quarter, first_quarter + 12)) as quarter
    from news
),
recent as (
    select
        origin, quarter,
        count(*) as reported_3h,
        avg(not_on_time) filter (first_quarter > quarter - 4) as late_share_1h,
        avg(not_on_time) as late_share_3h,
        avg((status = 'cancelled')::tinyint) as cancelled_share_3h,
        avg(departure_delay_minutes) filter (first_quarter > quarter - 4) as departure_delay_1h_minutes,
        avg(departure_delay_minutes) as departure_delay_3h_minutes,
        avg(departure_delay_minutes) filter (departed_quarter > quarter - 12) as departed_3h_delay_minutes
    from counted
    group by origin, quarter
),
planned as (
    -- Each flight counts from two and a half to one and a half hours before it leaves.
    select
        origin, (epoch_us(published_at) + 899_999_999) // 900_000_000 as published_quarter,
        unnest(range(
            (epoch_us(scheduled_departure_at) + 899_999_999) // 900_000_000 - 10,
            epoch_us(scheduled_departure_at) // 900_000_000 - 5)) as quarter
    from flights
),
ahead as (
    select origin, quarter, count(*) as departures_ahead
    from planned
    where published_quarter <= quarter
    group by origin, quarter
)
select
    origin, late_share_1h, late_share_3h, cancelled_share_3h, departure_delay_1h_minutes, departure_delay_3h_minutes,
    departed_3h_delay_minutes, coalesce(reported_3h, 0) as reported_3h, coalesce(departures_ahead, 0) as departures_ahead,
    make_timestamptz(quarter * 900_000_000) as event_timestamp, make_timestamptz(quarter * 900_000_000) as created_timestamp
from moments
left join recent using (origin, quarter)
left join ahead using (origin, quarter)
-- An airport that nobody has heard of yet has no row, even if its first flight is known by now.
where reported_3h > 0 or departures_ahead > 0
