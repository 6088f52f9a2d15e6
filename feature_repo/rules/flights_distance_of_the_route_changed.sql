-- table: flights
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.01
-- origin: in 2013 the distance of a route moves by at most one mile
-- owner: flight-operations
-- message: its distance differs from that of its route by more than 3 miles
with routes as (
    select origin, destination, mode(distance_miles) as usual_miles from flights group by origin, destination
)
select carrier, flight_number, origin, scheduled_departure_at
from flights join routes using (origin, destination)
where abs(distance_miles - usual_miles) > 3
