-- table: flights
-- severity: refuse
-- tolerance: 0.005
-- tolerance_a_day: 0.25
-- origin: on two days of 2013 at most 1 in 5 flights keep number and plane
-- owner: flight-operations
-- message: repeats plane by plane the schedule of another day: a stale copy
with dated as (
    select *, timezone('America/New_York', scheduled_departure_at)::date as day from flights where tail_number <> 'UNASSIGNED'
),
pairs as (
    select a.day, b.day as other, count(*) as same
    from dated a join dated b using (carrier, flight_number, origin, tail_number)
    where b.day < a.day and b.day >= a.day - 35
    group by a.day, b.day
),
sizes as (select day, count(*) as flights from dated group by day)
select carrier, flight_number, origin, scheduled_departure_at
from dated
where day in (select day from pairs join sizes using (day) where same > 0.5 * flights)
