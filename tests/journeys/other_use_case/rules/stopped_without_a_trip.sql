-- table: trips
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.05
-- origin: none is known
-- owner: maintenance
-- message: a pump stopped for a while although it did not trip, or for less than no time
select pump, starts_at from trips where (tripped = 'false' and stopped_for is not null) or stopped_for <= 0
