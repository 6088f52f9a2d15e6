-- table: flights
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: flight-operations
-- message: was published after it was scheduled to depart
select carrier, flight_number, origin, scheduled_departure_at from flights where published_at >= scheduled_departure_at
