-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: 7 rows of 2013, all in the night when the clocks went back
-- owner: flight-operations
-- message: was in the air for longer than from gate to gate
select carrier, flight_number, origin, scheduled_departure_at from outcomes where air_time_minutes * 60 > epoch(arrived_at) - epoch(departed_at)
