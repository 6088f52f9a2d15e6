-- What can be wrong with data. Each block spoils one good snapshot: its heading is the kind of the defect, a colon, and
-- what happened. The statements run on copies of the tables, in which on_day(t) is true of one Wednesday, 20 February 2013,
-- since(t) of the last two weeks, and hour(t) is the hour; all as clocks in New York show it.

--- dropped column: flights lose their distance
alter table flights drop column distance_miles;

--- dropped column: weather loses its visibility
alter table weather drop column visibility_mi;

--- dropped column: outcomes lose their status
alter table outcomes drop column status;

--- renamed column: destination becomes dest
alter table flights rename destination to dest;

--- renamed column: temperature_f becomes temp
alter table weather rename temperature_f to temp;

--- new column: outcomes tell the cause of a delay
alter table outcomes add column cause varchar default 'NAS';

--- retyped column: flight numbers become text
alter table flights alter flight_number type varchar;

--- retyped column: humidity comes with a percent sign
alter table weather alter humidity_pct type varchar using humidity_pct || ' %';

--- retyped column: departures become text as a wall clock shows them
alter table outcomes alter departed_at type varchar using strftime(departed_at, '%d.%m.%Y %H:%M');

--- retyped column: distances become fractions
alter table flights alter distance_miles type double;

--- swapped columns: dew point and temperature trade places on one day
update weather set temperature_f = dew_point_f, dew_point_f = temperature_f where on_day(observed_at);

--- swapped columns: departure and arrival delay trade places on one day
update outcomes
set departure_delay_minutes = arrival_delay_minutes, arrival_delay_minutes = departure_delay_minutes
where on_day(scheduled_departure_at);

--- swapped columns: origin and destination trade places on one day
update flights set origin = destination, destination = origin where on_day(scheduled_departure_at);

--- swapped columns: wind and gusts trade places for two weeks
update weather
set wind_speed_mph = wind_gust_mph, wind_gust_mph = wind_speed_mph
where wind_gust_mph is not null and since(observed_at);

--- unit change: degrees Celsius for two weeks
update weather
set temperature_f = (temperature_f - 32) / 1.8, dew_point_f = (dew_point_f - 32) / 1.8
where since(observed_at);

--- unit change: degrees Celsius on one day, temperature only
update weather set temperature_f = (temperature_f - 32) / 1.8 where on_day(observed_at);

--- unit change: wind in kilometres an hour for two weeks
update weather
set wind_speed_mph = wind_speed_mph * 1.609, wind_gust_mph = wind_gust_mph * 1.609
where since(observed_at);

--- unit change: wind in knots on one day
update weather set wind_speed_mph = wind_speed_mph / 1.15078 where on_day(observed_at);

--- unit change: delays in seconds since the beginning
update outcomes
set departure_delay_minutes = departure_delay_minutes * 60, arrival_delay_minutes = arrival_delay_minutes * 60;

--- unit change: air time in seconds on one day
update outcomes set air_time_minutes = air_time_minutes * 60 where on_day(scheduled_departure_at);

--- unit change: distances in kilometres since the beginning
update flights set distance_miles = round(distance_miles * 1.609)::bigint;

--- unit change: pressure in inches of mercury for two weeks
update weather set pressure_mb = pressure_mb * 0.02953 where since(observed_at);

--- unit change: visibility in kilometres for two weeks
update weather set visibility_mi = visibility_mi * 1.609 where since(observed_at);

--- unit change: rain in millimetres for two weeks
update weather set precipitation_in = precipitation_in * 25.4 where since(observed_at);

--- shifted hour: the schedule of one day is an hour late
update flights
set scheduled_departure_at = scheduled_departure_at + interval '1 hour'
where on_day(scheduled_departure_at);

--- shifted hour: every time of a flight is an hour late for three weeks
update flights
set scheduled_departure_at = scheduled_departure_at + interval '1 hour',
    scheduled_arrival_at = scheduled_arrival_at + interval '1 hour',
    published_at = published_at + interval '1 hour'
where day(scheduled_departure_at) >= date '2013-02-10';
update outcomes
set scheduled_departure_at = scheduled_departure_at + interval '1 hour', departed_at = departed_at + interval '1 hour',
    arrived_at = arrived_at + interval '1 hour', reported_at = reported_at + interval '1 hour'
where day(scheduled_departure_at) >= date '2013-02-10';

--- shifted hour: observations are dated an hour ahead for two weeks
update weather set observed_at = observed_at + interval '1 hour' where since(observed_at);

--- shifted hour: outcomes are reported two hours early on one day
update outcomes set reported_at = reported_at - interval '2 hours' where on_day(scheduled_departure_at);

--- future rows: flights that nobody has published yet
update flights
set published_at = timestamptz '2013-03-02 00:00:00Z'
where scheduled_departure_at > timestamptz '2013-02-28 12:00:00Z';

--- future rows: outcomes of flights that have not departed
insert into outcomes
select carrier, flight_number, origin, scheduled_departure_at, 'arrived', scheduled_departure_at, 0, scheduled_arrival_at, 0,
    90, scheduled_departure_at - interval '2 hours'
from flights
where scheduled_departure_at >= timestamptz '2013-03-01 00:00:00Z';

--- truncated history: January is lost in all tables
delete from flights where day(scheduled_departure_at) < date '2013-02-01';
delete from outcomes where day(scheduled_departure_at) < date '2013-02-01';
delete from weather where day(observed_at) < date '2013-02-01';

--- truncated history: the last four days of weather are lost
delete from weather where day(observed_at) > date '2013-02-24';

--- missing rows: one day of weather is lost
delete from weather where on_day(observed_at);

--- missing rows: one station is silent for three days
delete from weather where origin = 'LGA' and day(observed_at) between date '2013-02-19' and date '2013-02-21';

--- missing rows: the outcomes of three days are lost
delete from outcomes where day(scheduled_departure_at) between date '2013-02-19' and date '2013-02-21';

--- missing rows: one carrier is not delivered for two weeks
delete from flights where carrier = 'UA' and since(scheduled_departure_at);
delete from outcomes where carrier = 'UA' and since(scheduled_departure_at);

--- missing rows: only flights that were on time are delivered for two weeks
delete from flights
where since(scheduled_departure_at) and exists (
    from outcomes o
    where o.carrier = flights.carrier and o.flight_number = flights.flight_number and o.origin = flights.origin
        and o.scheduled_departure_at = flights.scheduled_departure_at and o.arrival_delay_minutes >= 15
);
delete from outcomes where arrival_delay_minutes >= 15 and since(scheduled_departure_at);

--- half a day: the afternoon of one day is lost with its outcomes
delete from flights where on_day(scheduled_departure_at) and hour(scheduled_departure_at) >= 13;
delete from outcomes where on_day(scheduled_departure_at) and hour(scheduled_departure_at) >= 13;

--- half a day: the weather of one afternoon is lost
delete from weather where on_day(observed_at) and hour(observed_at) >= 13;

--- duplicated day: one day of flights is there twice
insert into flights select * from flights where on_day(scheduled_departure_at);

--- duplicated day: one day of outcomes is there twice
insert into outcomes select * from outcomes where on_day(scheduled_departure_at);

--- duplicated day: one day is there twice, under other flight numbers
insert into flights
select * replace (flight_number + 1000 as flight_number) from flights where on_day(scheduled_departure_at) and flight_number < 8999;
insert into outcomes
select * replace (flight_number + 1000 as flight_number) from outcomes where on_day(scheduled_departure_at) and flight_number < 8999;

--- stale copy: one day's outcomes are those of a week ago
update outcomes
set status = old.status, departure_delay_minutes = old.departure_delay_minutes,
    arrival_delay_minutes = old.arrival_delay_minutes, air_time_minutes = old.air_time_minutes,
    departed_at = old.departed_at + interval '7 days', arrived_at = old.arrived_at + interval '7 days',
    reported_at = old.reported_at + interval '7 days'
from outcomes old
where old.carrier = outcomes.carrier and old.flight_number = outcomes.flight_number and old.origin = outcomes.origin
    and old.scheduled_departure_at = outcomes.scheduled_departure_at - interval '7 days'
    and on_day(outcomes.scheduled_departure_at);

--- stale copy: one day's weather is that of the day before
update weather
set temperature_f = old.temperature_f, dew_point_f = old.dew_point_f, humidity_pct = old.humidity_pct,
    wind_direction_deg = old.wind_direction_deg, wind_speed_mph = old.wind_speed_mph, wind_gust_mph = old.wind_gust_mph,
    precipitation_in = old.precipitation_in, pressure_mb = old.pressure_mb, visibility_mi = old.visibility_mi
from weather old
where old.origin = weather.origin and old.observed_at = weather.observed_at - interval '1 day' and on_day(weather.observed_at);

--- stale copy: one day's planes are those of a week ago
update flights
set tail_number = old.tail_number
from flights old
where old.carrier = flights.carrier and old.flight_number = flights.flight_number and old.origin = flights.origin
    and old.scheduled_departure_at = flights.scheduled_departure_at - interval '7 days'
    and on_day(flights.scheduled_departure_at);

--- null burst: one day of flights has no tail numbers
update flights set tail_number = null where on_day(scheduled_departure_at);

--- null burst: a fifth of the temperatures is missing on one day
update weather set temperature_f = null where on_day(observed_at) and hour(observed_at) % 5 = 0;

--- null burst: the arrivals of one day are missing
update outcomes set arrived_at = null, arrival_delay_minutes = null where on_day(scheduled_departure_at);

--- null burst: missing gusts become zero for two weeks
update weather set wind_gust_mph = 0 where wind_gust_mph is null and since(observed_at);

--- null burst: pressure is missing in half of the rows for two weeks
update weather set pressure_mb = null where hour(observed_at) % 2 = 0 and since(observed_at);

--- new category: a carrier that nobody knows
update flights set carrier = 'ZZ' where carrier = 'HA' and since(scheduled_departure_at);
update outcomes set carrier = 'ZZ' where carrier = 'HA' and since(scheduled_departure_at);

--- new category: an outcome that nobody knows
update outcomes set status = 'returned' where status = 'diverted' and since(scheduled_departure_at);

--- new category: a destination that does not exist
update flights set destination = 'XXX' where destination = 'MYR' and since(scheduled_departure_at);

--- encoding: carriers in lower case on one day
update flights set carrier = lower(carrier) where on_day(scheduled_departure_at);

--- encoding: status with a trailing space for two weeks
update outcomes set status = status || ' ' where since(scheduled_departure_at);

--- encoding: tail numbers decoded wrongly on one day
update flights set tail_number = replace(tail_number, 'N', 'Ã‘') where on_day(scheduled_departure_at);

--- impossible value: negative air time on one day
update outcomes set air_time_minutes = -air_time_minutes where on_day(scheduled_departure_at);

--- impossible value: arrivals before departures on one day
update outcomes
set arrived_at = departed_at - interval '10 minutes'
where arrived_at is not null and on_day(scheduled_departure_at);

--- impossible value: flights back to where they leave on one day
update flights set destination = origin where on_day(scheduled_departure_at) and carrier = 'DL';

--- impossible value: hurricanes every hour of one day
update weather set wind_speed_mph = wind_speed_mph * 100 where on_day(observed_at);

--- impossible value: one plane flies all flights of a carrier on one day
update flights set tail_number = 'N12345' where carrier = 'B6' and on_day(scheduled_departure_at);

--- impossible value: humidity above one hundred
update weather set humidity_pct = humidity_pct + 60 where on_day(observed_at);

--- constant column: visibility is stuck at ten miles since the beginning
update weather set visibility_mi = 10;

--- constant column: the thermometers are stuck for a day
update weather set temperature_f = 41, dew_point_f = 30 where on_day(observed_at);

--- constant column: air time is stuck at two hours for two weeks
update outcomes set air_time_minutes = 120 where air_time_minutes is not null and since(scheduled_departure_at);

--- constant column: every flight of two weeks is assigned to one plane
update flights set tail_number = 'N12345' where since(scheduled_departure_at);

--- label flip: cancelled and arrived trade places on one day
update outcomes
set status = case status when 'arrived' then 'cancelled' when 'cancelled' then 'arrived' else status end
where on_day(scheduled_departure_at);

--- label flip: early becomes late for two weeks, with times that agree
update outcomes
set arrival_delay_minutes = -arrival_delay_minutes, arrived_at = arrived_at - to_minutes(2 * arrival_delay_minutes),
    reported_at = arrived_at - to_minutes(2 * arrival_delay_minutes) + interval '15 minutes'
where arrived_at is not null and since(scheduled_departure_at);

--- label flip: every flight of two weeks is on time, with times that agree
update outcomes
set arrived_at = arrived_at - to_minutes(arrival_delay_minutes), departed_at = scheduled_departure_at,
    departure_delay_minutes = 0, arrival_delay_minutes = 0,
    reported_at = arrived_at - to_minutes(arrival_delay_minutes) + interval '15 minutes'
where arrived_at is not null and since(scheduled_departure_at);

--- label flip: every fifth flight of two weeks is cancelled, with times that agree
update outcomes
set status = 'cancelled', departed_at = null, departure_delay_minutes = null, arrived_at = null,
    arrival_delay_minutes = null, air_time_minutes = null, reported_at = scheduled_departure_at
where flight_number % 5 = 0 and since(scheduled_departure_at);

--- shuffled rows: departure delays belong to other flights for two weeks
create temp table places as
select rowid as id, row_number() over (order by scheduled_departure_at, carrier, flight_number) as place,
    row_number() over (order by flight_number, scheduled_departure_at, carrier) as other, departure_delay_minutes as late
from outcomes
where status = 'arrived' and since(scheduled_departure_at);
update outcomes set departure_delay_minutes = b.late from places a join places b on a.place = b.other where outcomes.rowid = a.id;

--- shifted hour: observation and publication are an hour late on one day
update weather
set observed_at = observed_at + interval '1 hour', published_at = published_at + interval '1 hour'
where day(observed_at) = date '2013-02-19';

--- shifted hour: observation and publication are an hour early since the beginning
update weather set observed_at = observed_at - interval '1 hour', published_at = published_at - interval '1 hour';

--- missing rows: one station is silent for half a day
delete from weather where origin = 'LGA' and on_day(observed_at) and hour(observed_at) >= 13;

--- missing rows: one flight in a hundred is not delivered for two weeks
delete from flights where hash(flight_number, scheduled_departure_at) % 100 = 0 and since(scheduled_departure_at);
delete from outcomes where hash(flight_number, scheduled_departure_at) % 100 = 0 and since(scheduled_departure_at);

--- new category: two carriers trade their codes for two weeks
update flights
set carrier = case carrier when 'DL' then 'MQ' else 'DL' end
where carrier in ('DL', 'MQ') and since(scheduled_departure_at);
update outcomes
set carrier = case carrier when 'DL' then 'MQ' else 'DL' end
where carrier in ('DL', 'MQ') and since(scheduled_departure_at);

--- label flip: one carrier reports no delay for two weeks, with times that agree
update outcomes
set arrived_at = arrived_at - to_minutes(arrival_delay_minutes), arrival_delay_minutes = 0,
    departed_at = departed_at - to_minutes(departure_delay_minutes), departure_delay_minutes = 0,
    reported_at = arrived_at - to_minutes(arrival_delay_minutes) + interval '15 minutes'
where arrived_at is not null and carrier = 'B6' and since(scheduled_departure_at);
