-- What came true, one row a planned shift.
select
    pump, site, load, starts_at, planned_at as request_known_at,
    (tripped = 'true')::tinyint as tripped, logged_at as label_known_at
from shifts
left join trips using (pump, starts_at)
