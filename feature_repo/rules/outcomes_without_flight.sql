-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: flight-operations
-- message: belongs to no scheduled flight
select carrier, flight_number, origin, scheduled_departure_at from outcomes anti join flights using (carrier, flight_number, origin, scheduled_departure_at)
