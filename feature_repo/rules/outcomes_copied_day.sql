-- table: outcomes
-- severity: refuse
-- tolerance: 0.01
-- tolerance_a_day: 0.05
-- origin: 10 rows on the worst day of 2013, by chance; a day copied repeats nearly all of its rows
-- owner: flight-operations
-- message: repeats delays and air time of the same flight on another day: a stale copy
with delayed as (select * from outcomes where air_time_minutes is not null)
select distinct a.carrier, a.flight_number, a.origin, a.scheduled_departure_at
from delayed a join delayed b
    using (carrier, flight_number, origin, departure_delay_minutes, arrival_delay_minutes, air_time_minutes)
where b.scheduled_departure_at <> a.scheduled_departure_at
    and b.scheduled_departure_at between a.scheduled_departure_at - interval 36 days
        and a.scheduled_departure_at + interval 36 days
