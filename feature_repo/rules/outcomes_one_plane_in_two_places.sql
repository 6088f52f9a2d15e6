-- table: outcomes
-- severity: quarantine
-- tolerance: 0.001
-- tolerance_a_day: 0.01
-- origin: 126 of 327,083 in 2013, 2 on the worst day: tail numbers mistyped upstream
-- owner: flight-operations
-- message: left while its plane was still in the air with another flight
with legs as (
    select outcomes.*, lag(arrived_at) over (partition by tail_number order by departed_at, flight_number) as back_at
    from outcomes join flights using (carrier, flight_number, origin, scheduled_departure_at)
    where status = 'arrived' and tail_number <> 'UNASSIGNED'
)
select carrier, flight_number, origin, scheduled_departure_at from legs where back_at > departed_at
