-- Where locations are and orders are sent (degrees), and when what waits for stock is to ship (preorders).

alter table location
add column latitude double precision check (latitude between -90 and 90),
add column longitude double precision
check (longitude between -180 and 180 and (latitude is null) = (longitude is null));

alter table orders
add column destination_latitude double precision,
add column destination_longitude double precision,
add column ship_date date;

alter table variant
add column ship_date date;
