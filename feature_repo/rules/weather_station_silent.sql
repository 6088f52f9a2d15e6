-- table: weather
-- severity: refuse
-- tolerance: 0
-- tolerance_a_day: 0
-- origin: the longest silence of 2013 is six hours, at all stations in the night of 2 November
-- owner: meteorology
-- message: follows more than six hours without an observation of its station
with hours as (select *, lag(observed_at) over (partition by origin order by observed_at) as before_at from weather)
select origin, observed_at from hours where epoch(observed_at) - epoch(before_at) > 6 * 3600
