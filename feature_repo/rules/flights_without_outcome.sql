-- table: flights
-- severity: refuse
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: no flight of 2013 has no outcome two days after it
-- owner: flight-operations
-- message: has no outcome two days after its scheduled departure
select carrier, flight_number, origin, scheduled_departure_at
from flights anti join outcomes using (carrier, flight_number, origin, scheduled_departure_at)
where scheduled_departure_at < getvariable('as_of') - interval 48 hours
