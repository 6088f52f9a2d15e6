-- table: weather
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: the feed publishes ten minutes after the observation, all of 2013; 50 minutes more are left for a late file
-- owner: meteorology
-- message: was not published within the hour after its observation: one of the two times is shifted
select origin, observed_at
from weather
where published_at < observed_at or epoch(published_at) - epoch(observed_at) > 3600
