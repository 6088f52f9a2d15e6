-- table: outcomes
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: 15 minutes after arrival, 3 hours after a diversion's schedule; no flight of 2013 is reported 36 hours after its schedule
-- owner: flight-operations
-- message: was reported more than two days after its scheduled departure
select carrier, flight_number, origin, scheduled_departure_at from outcomes where epoch(reported_at) - epoch(scheduled_departure_at) > 48 * 3600
