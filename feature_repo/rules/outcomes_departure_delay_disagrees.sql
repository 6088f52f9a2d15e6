-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: flight-operations
-- message: its departure delay is not the minutes between schedule and departure
select carrier, flight_number, origin, scheduled_departure_at
from outcomes
where epoch(departed_at) - epoch(scheduled_departure_at) <> departure_delay_minutes * 60
