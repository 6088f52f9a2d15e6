-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: stations report hundredths of an inch, all of 2013; another unit does not fall on them
-- owner: meteorology
-- message: its rain is no whole number of hundredths of an inch
select origin, observed_at
from weather
where abs(precipitation_in * 100 - round(precipitation_in * 100)) > 0.001
