-- table: weather
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: 2 rows of 2013, one reading at Newark
-- owner: meteorology
-- message: its temperature jumps by more than 25 degrees within an hour
with hours as (
    select *, lag(temperature_f) over station as before_f, lag(observed_at) over station as before_at
    from weather
    window station as (partition by origin order by observed_at)
)
select origin, observed_at
from hours
where epoch(observed_at) - epoch(before_at) <= 3600 and abs(temperature_f - before_f) > 25
