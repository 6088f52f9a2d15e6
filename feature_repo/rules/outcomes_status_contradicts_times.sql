-- table: outcomes
-- severity: quarantine
-- tolerance: 0.0005
-- tolerance_a_day: 0.02
-- origin: no such row in 2013; an odd one is set aside, more are a defect of the feed
-- owner: flight-operations
-- message: its status contradicts its times: arrived without an arrival, cancelled with a departure, diverted with an arrival
select carrier, flight_number, origin, scheduled_departure_at
from outcomes
where case status
    when 'arrived' then departed_at is null or arrived_at is null or air_time_minutes is null
        or departure_delay_minutes is null or arrival_delay_minutes is null
    when 'cancelled' then departed_at is not null or arrived_at is not null or air_time_minutes is not null
    else arrived_at is not null or departed_at is null
end
