-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0001
-- tolerance_a_day: 0.01
-- origin: 43 minutes early at most in 2013
-- owner: flight-operations
-- message: departed more than an hour before its time
select carrier, flight_number, origin, scheduled_departure_at from outcomes where departure_delay_minutes < -60
