-- The route's record, every six hours in which news of any flight to its destination came in.
with news as (
    select
        origin, destination,
        -- The six hours that end at or after the news.
        time_bucket(interval 6 hours, label_known_at + interval 6 hours - interval 1 microsecond) as moment,
        count(*) as flights,
        sum(not_on_time) as late,
        max(distance_miles) as distance_miles,
        sum(date_diff('minute', scheduled_departure_at, scheduled_arrival_at)) as scheduled_minutes
    from labels
    join flights using (carrier, flight_number, origin, destination, scheduled_departure_at)
    where not_on_time is not null
    group by origin, destination, moment
),
destinations as (
    select
        destination, moment,
        sum(late) / sum(flights) as destination_late_share_6h,
        sum(sum(late)) over last_1d / sum(sum(flights)) over last_1d as destination_late_share_1d
    from news
    group by destination, moment
    window last_1d as (partition by destination order by moment range between interval 18 hours preceding and current row)
),
periods as (
    select
        origin, destination, moment, destination_late_share_6h, destination_late_share_1d, distance_miles,
        coalesce(flights, 0) as flights, coalesce(late, 0) as late, coalesce(scheduled_minutes, 0) as scheduled_minutes
    from (select distinct origin, destination from news)
    join destinations using (destination)
    left join news using (origin, destination, moment)
)
select
    origin, destination,
    max(distance_miles) over last_28d as distance_miles,
    sum(scheduled_minutes) over last_28d / sum(flights) over last_28d as scheduled_minutes,
    sum(late) over last_28d / sum(flights) over last_28d as late_share_28d,
    destination_late_share_6h, destination_late_share_1d,
    moment as event_timestamp, moment as created_timestamp
from periods
window last_28d as (partition by origin, destination order by moment range between interval 666 hours preceding and current row)
qualify sum(flights) over last_28d > 0
