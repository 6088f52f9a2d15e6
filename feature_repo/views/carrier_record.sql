-- The carrier's record at the airport of departure, every three hours in which news of any flight came in.
-- Moments are counted in hours since 1970: windows over whole numbers take half the time that windows over times do.
with news as (
    select
        carrier, origin,
        -- The three hours that end at or after the news.
        (epoch_us(label_known_at) + 10_799_999_999) // 10_800_000_000 * 3 as hour,
        count(*) as flights,
        sum(not_on_time) as late
    from labels
    where not_on_time is not null
    group by carrier, origin, hour
),
periods as (
    select carrier, origin, hour, coalesce(flights, 0) as flights, coalesce(late, 0) as late
    from (select distinct hour from news)
    cross join (select distinct carrier, origin from news)
    left join news using (carrier, origin, hour)
)
select
    carrier, origin,
    sum(late) over last_6h / nullif(sum(flights) over last_6h, 0) as late_share_6h,
    sum(late) over last_1d / nullif(sum(flights) over last_1d, 0) as late_share_1d,
    sum(late) over last_7d / nullif(sum(flights) over last_7d, 0) as late_share_7d,
    sum(late) over last_28d / sum(flights) over last_28d as late_share_28d,
    make_timestamptz(hour * 3_600_000_000) as event_timestamp, make_timestamptz(hour * 3_600_000_000) as created_timestamp
from periods
window
    last_6h as (partition by carrier, origin order by hour range between 3 preceding and current row),
    last_1d as (partition by carrier, origin order by hour range between 21 preceding and current row),
    last_7d as (partition by carrier, origin order by hour range between 165 preceding and current row),
    last_28d as (partition by carrier, origin order by hour range between 669 preceding and current row)
qualify sum(flights) over last_28d > 0
