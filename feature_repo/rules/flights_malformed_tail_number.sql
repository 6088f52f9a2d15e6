-- table: flights
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.01
-- origin: 4 rows in 2013 have one that is no registration
-- owner: flight-operations
-- message: has a tail number that is no American registration
select carrier, flight_number, origin, scheduled_departure_at
from flights
where tail_number <> 'UNASSIGNED' and not regexp_full_match(tail_number, 'N[0-9A-Z]{2,5}')
