-- table: weather
-- severity: quarantine
-- tolerance: 0.002
-- tolerance_a_day: 0.1
-- origin: 45.9 degrees in one hour of 2013, 26 in 1 of 10,000; the three airports lie within 20 miles
-- owner: meteorology
-- message: differs by more than 30 degrees from the station that is nearest in temperature
select origin, observed_at
from weather w
where 30 < (
    select min(abs(other.temperature_f - w.temperature_f))
    from weather other
    where other.observed_at = w.observed_at and other.origin <> w.origin
)
