-- table: weather
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.05
-- origin: New York's records are -15 and 107 degrees Fahrenheit
-- owner: meteorology
-- message: its temperature lies beyond -20 to 112 degrees Fahrenheit
select origin, observed_at from weather where temperature_f not between -20 and 112
