-- table: weather
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: all of 2013 is on the full hour
-- owner: meteorology
-- message: is not on the full hour
select origin, observed_at from weather where extract(minute from observed_at) <> 0 or extract(second from observed_at) <> 0
