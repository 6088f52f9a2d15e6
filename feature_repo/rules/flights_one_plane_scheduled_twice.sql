-- table: flights
-- severity: warn
-- tolerance: 0.02
-- tolerance_a_day: 0.06
-- origin: 0.5 % of 2013, 3.5 % on the worst day: planned aircraft are taken from the last flight of the same number
-- owner: flight-operations
-- message: its plane is still scheduled to be in the air with another flight
with legs as (
    select *, lag(scheduled_arrival_at) over (partition by tail_number order by scheduled_departure_at, flight_number) as back_at
    from flights
    where tail_number <> 'UNASSIGNED'
)
select carrier, flight_number, origin, scheduled_departure_at from legs where back_at > scheduled_departure_at
