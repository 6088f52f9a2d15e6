-- The carrier's record at the airport of departure, every three hours in which news of any flight came in.
with news as (
    select
        carrier, origin,
        -- The three hours that end at or after the news.
        time_bucket(interval 3 hours, label_known_at + interval 3 hours - interval 1 microsecond) as moment,
        count(*) as flights,
        sum(not_on_time) as late
    from labels
    where not_on_time is not null
    group by carrier, origin, moment
),
periods as (
    select carrier, origin, moment, coalesce(flights, 0) as flights, coalesce(late, 0) as late
    from (select distinct moment from news)
    cross join (select distinct carrier, origin from news)
    left join news using (carrier, origin, moment)
)
select
    carrier, origin,
    sum(late) over last_6h / nullif(sum(flights) over last_6h, 0) as late_share_6h,
    sum(late) over last_1d / nullif(sum(flights) over last_1d, 0) as late_share_1d,
    sum(late) over last_7d / nullif(sum(flights) over last_7d, 0) as late_share_7d,
    sum(late) over last_28d / sum(flights) over last_28d as late_share_28d,
    moment as event_timestamp, moment as created_timestamp
from periods
window
    last_6h as (partition by carrier, origin order by moment range between interval 3 hours preceding and current row),
    last_1d as (partition by carrier, origin order by moment range between interval 21 hours preceding and current row),
    last_7d as (partition by carrier, origin order by moment range between interval 165 hours preceding and current row),
    last_28d as (partition by carrier, origin order by moment range between interval 669 hours preceding and current row)
qualify sum(flights) over last_28d > 0
