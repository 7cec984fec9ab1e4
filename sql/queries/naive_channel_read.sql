-- Bench's naive worker: the locations that a channel sells from, in its order.
-- Parameters: $1 sales channel id. Locks: none.
select l.location_no, l.location_id
from sales_channel as c
cross join lateral unnest(c.location_ids) with ordinality as named (location_id, place)
inner join location as l on l.location_id = named.location_id
where c.sales_channel_id = $1 and c.known and l.known and not l.deleted and l.sells and l.ships
order by named.place
