-- The share of a pump's last thirty shifts that ended in a trip, each time a shift was logged.
select
    pump, avg((tripped = 'true')::tinyint) over last_thirty as trips_share,
    logged_at as event_timestamp, logged_at as created_timestamp
from trips
window last_thirty as (partition by pump order by logged_at rows between 29 preceding and current row)
