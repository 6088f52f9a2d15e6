-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: one row in 2013: 1,048 mph at Newark on 12 February; the record of New York is 113
-- owner: meteorology
-- message: its wind blows faster than 150 mph, or its gusts than 200
select origin, observed_at from weather where wind_speed_mph > 150 or wind_gust_mph > 200
