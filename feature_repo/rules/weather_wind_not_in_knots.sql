-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: stations report whole knots, all of 2013; another unit or an estimate does not fall on them
-- owner: meteorology
-- message: its wind is no whole number of knots
select origin, observed_at
from weather
where abs(wind_speed_mph / 1.15078 - round(wind_speed_mph / 1.15078)) > 0.01
    or abs(wind_gust_mph / 1.15078 - round(wind_gust_mph / 1.15078)) > 0.01
