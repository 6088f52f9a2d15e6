-- table: flights
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: 2013 schedules from 18 minutes (a hop of 17 miles) to 11 h 40 (Honolulu)
-- owner: flight-operations
-- message: is scheduled to take less than 15 minutes or more than 14 hours
select carrier, flight_number, origin, scheduled_departure_at
from flights
where epoch(scheduled_arrival_at) - epoch(scheduled_departure_at) not between 15 * 60 and 14 * 3600
