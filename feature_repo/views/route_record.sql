-- The route's record, every six hours in which news of any flight to its destination came in.
-- Moments are counted in hours since 1970, and lengths in minutes: whole numbers take half the time that times do.
with news as (
    select
        origin, destination,
        -- The six hours that end at or after the news.
        (epoch_us(label_known_at) + 21_599_999_999) // 21_600_000_000 * 6 as hour,
        count(*) as flights,
        sum(not_on_time) as late,
        max(distance_miles) as distance_miles,
        sum(epoch_us(scheduled_arrival_at) // 60_000_000 - epoch_us(scheduled_departure_at) // 60_000_000)
            as scheduled_minutes
    from labels
    join flights using (carrier, flight_number, origin, destination, scheduled_departure_at)
    where not_on_time is not null
    group by origin, destination, hour
),
destinations as (
    select
        destination, hour,
        sum(late) / sum(flights) as destination_late_share_6h,
        sum(sum(late)) over last_1d / sum(sum(flights)) over last_1d as destination_late_share_1d
    from news
    group by destination, hour
    window last_1d as (partition by destination order by hour range between 18 preceding and current row)
),
periods as (
    select
        origin, destination, hour, destination_late_share_6h, destination_late_share_1d, distance_miles,
        coalesce(flights, 0) as flights, coalesce(late, 0) as late, coalesce(scheduled_minutes, 0) as scheduled_minutes
    from (select distinct origin, destination from news)
    join destinations using (destination)
    left join news using (origin, destination, hour)
)
select
    origin, destination,
    max(distance_miles) over last_28d as distance_miles,
    sum(scheduled_minutes) over last_28d / sum(flights) over last_28d as scheduled_minutes,
    sum(late) over last_28d / sum(flights) over last_28d as late_share_28d,
    destination_late_share_6h, destination_late_share_1d,
    make_timestamptz(hour * 3_600_000_000) as event_timestamp, make_timestamptz(hour * 3_600_000_000) as created_timestamp
from periods
window last_28d as (partition by origin, destination order by hour range between 666 preceding and current row)
qualify sum(flights) over last_28d > 0
