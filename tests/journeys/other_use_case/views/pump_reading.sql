-- The newest reading of a pump.
select pump, vibration, pressure, measured_at as event_timestamp, stored_at as created_timestamp
from readings
