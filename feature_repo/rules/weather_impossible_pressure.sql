-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: 983.8 to 1042.1 in 2013; the records of the region are 948 and 1055
-- owner: meteorology
-- message: its pressure lies outside 940 to 1060 millibars
select origin, observed_at from weather where pressure_mb not between 940 and 1060
