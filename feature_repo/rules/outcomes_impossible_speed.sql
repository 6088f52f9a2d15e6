-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: 2013 flies from 77 to 703 mph
-- owner: flight-operations
-- message: flew slower than 60 or faster than 720 mph
select carrier, flight_number, origin, scheduled_departure_at
from outcomes join flights using (carrier, flight_number, origin, scheduled_departure_at)
where air_time_minutes > 0 and distance_miles / (air_time_minutes / 60) not between 60 and 720
