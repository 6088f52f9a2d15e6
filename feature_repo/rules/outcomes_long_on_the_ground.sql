-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: 235 minutes at most in 2013: rules against tarmac delays allow 3 hours at each end
-- owner: flight-operations
-- message: spent more than five hours between gate and air
select carrier, flight_number, origin, scheduled_departure_at from outcomes where epoch(arrived_at) - epoch(departed_at) - air_time_minutes * 60 > 5 * 3600
