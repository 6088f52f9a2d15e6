-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: 1.21 inches at most in 2013; the record of New York is 3.5
-- owner: meteorology
-- message: more than 4 inches of rain fell in an hour
select origin, observed_at from weather where precipitation_in > 4
