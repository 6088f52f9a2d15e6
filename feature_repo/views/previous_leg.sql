-- The aircraft's last leg that was heard of: an outcome a row, at the time it happened, known when it was reported.
select
    tail_number, arrival_delay_minutes, departure_delay_minutes,
    epoch(arrived_at) as arrived_at_s,
    epoch_us(scheduled_arrival_at) // 60_000_000 - epoch_us(scheduled_departure_at) // 60_000_000 as scheduled_minutes,
    (status = 'cancelled')::tinyint as cancelled,
    coalesce(arrived_at, reported_at) as event_timestamp,
    greatest(reported_at, published_at) as created_timestamp
from outcomes
join flights using (carrier, flight_number, origin, scheduled_departure_at)
-- An aircraft that nobody assigned is none: its legs belong to many.
where tail_number <> 'UNASSIGNED'
-- Should two legs of one aircraft end in the same minute, the one that left later is its last.
qualify row_number() over (
    partition by tail_number, event_timestamp, created_timestamp
    order by scheduled_departure_at desc, carrier, flight_number, origin
) = 1
