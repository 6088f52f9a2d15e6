-- table: flights
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.02
-- origin: the feed publishes each flight 24 hours ahead, all of 2013; half an hour is left for a late file
-- owner: flight-operations
-- message: was not published a day ahead: its schedule or its publication is shifted
select carrier, flight_number, origin, scheduled_departure_at
from flights
where abs(epoch(scheduled_departure_at) - epoch(published_at) - 24 * 3600) > 30 * 60
