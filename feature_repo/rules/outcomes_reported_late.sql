-- table: outcomes
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: 15 minutes after arrival, 3 hours after a diversion's schedule; no flight of 2013 is reported 36 hours after its schedule
-- owner: flight-operations
-- message: was reported more than two days after its scheduled departure, in the last seven days
select carrier, flight_number, origin, scheduled_departure_at
-- An outcome that came late is true all the same: it is news for a week, and history then.
from (select *, max(reported_at) over () as newest from outcomes)
where epoch(reported_at) - epoch(scheduled_departure_at) > 48 * 3600 and epoch(newest) - epoch(reported_at) < 7 * 86400
