-- table: weather
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: the feed publishes ten minutes after the observation, all of 2013; 50 minutes more are left for a late file
-- owner: meteorology
-- message: was not published within the hour after its observation: one of the two times is shifted, or the feed is late
select origin, observed_at
-- What comes more than six hours late is no shift but a correction, or a feed that was away: it is news for a week.
from (select *, epoch(published_at) - epoch(observed_at) as late_s, max(published_at) over () as newest from weather)
where late_s < 0 or late_s between 3601 and 6 * 3600
    or (late_s > 6 * 3600 and epoch(newest) - epoch(published_at) < 7 * 86400)
