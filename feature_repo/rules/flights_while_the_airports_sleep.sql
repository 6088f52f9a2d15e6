-- table: flights
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: one row in 2013 between midnight and five o'clock, New York time
-- owner: flight-operations
-- message: departs at night, when no flight is scheduled from New York
select carrier, flight_number, origin, scheduled_departure_at
from flights
where extract(hour from timezone('America/New_York', scheduled_departure_at)) < 5
