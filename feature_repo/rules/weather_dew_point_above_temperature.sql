-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: meteorology
-- message: its dew point lies above its temperature
select origin, observed_at from weather where dew_point_f > temperature_f
