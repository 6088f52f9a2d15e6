-- What came true, one row a scheduled flight: the request as it would have been asked, the label, and when each was known.
-- A flight is "not on time" as the US Department of Transportation counts it: 15 minutes late or more, cancelled, diverted.
-- No outcome yet, or one that does not say: no label. What is not known is never taken for "on time".
select
    carrier, flight_number, tail_number, origin, destination, scheduled_departure_at,
    published_at as request_known_at,
    case
        when status = 'arrived' then arrival_delay_minutes >= 15
        when status in ('cancelled', 'diverted') then true
    end::tinyint as not_on_time,
    case when reported_at is not null then greatest(reported_at, published_at) end as label_known_at
from flights
left join outcomes using (carrier, flight_number, origin, scheduled_departure_at)
