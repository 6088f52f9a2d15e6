-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: flight-operations
-- message: its arrival delay is not the minutes between schedule and arrival
select carrier, flight_number, origin, scheduled_departure_at
from outcomes join flights using (carrier, flight_number, origin, scheduled_departure_at)
where epoch(arrived_at) - epoch(scheduled_arrival_at) <> arrival_delay_minutes * 60
