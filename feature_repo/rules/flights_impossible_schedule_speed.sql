-- table: flights
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: 2 rows of 336,776 in 2013 above 600 mph, their arrival is a slip of an hour
-- owner: flight-operations
-- message: is scheduled to fly faster than 650 mph, gate to gate
select carrier, flight_number, origin, scheduled_departure_at
from flights
where scheduled_arrival_at > scheduled_departure_at
    and distance_miles > 650 * (epoch(scheduled_arrival_at) - epoch(scheduled_departure_at)) / 3600
