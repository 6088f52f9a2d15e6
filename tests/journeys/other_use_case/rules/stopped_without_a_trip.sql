-- table: trips
-- severity: quarantine
-- tolerance: 0.001
-- owner: maintenance
-- message: a pump stopped for a while although it did not trip, or for less than no time
select pump, starts_at from trips where (not tripped and stopped_for is not null) or stopped_for <= 0
