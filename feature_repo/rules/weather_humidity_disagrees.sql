-- table: weather
-- severity: quarantine
-- tolerance: 0.005
-- tolerance_a_day: 0.1
-- origin: 42 of 26,115 rows in 2013, 3 on the worst day; Magnus' formula with the constants of Alduchov and Eskridge (1996)
-- owner: meteorology
-- message: its humidity is more than 8 points off what temperature and dew point say
with celsius as (
    select *, (temperature_f - 32) / 1.8 as temperature_c, (dew_point_f - 32) / 1.8 as dew_point_c from weather
)
select origin, observed_at
from celsius
where abs(
    100 * exp(17.625 * dew_point_c / (243.04 + dew_point_c)) / exp(17.625 * temperature_c / (243.04 + temperature_c))
    - humidity_pct
) > 8
