-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: 2013 lies between 109 minutes made up and 196 lost
-- owner: flight-operations
-- message: made up more than two hours, or lost more than five, on the way
select carrier, flight_number, origin, scheduled_departure_at
from outcomes
where arrival_delay_minutes - departure_delay_minutes not between -120 and 300
