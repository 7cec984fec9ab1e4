-- Orders that hold something at deleted locations, oldest first: those that were never asked to take it away, and
-- those that something happened to since. Parameters: $1 how many at the most. Locks: none.
select o.order_id, o.revision, p.location_id
from location as p
inner join level as v on v.location_no = p.location_no and v.reserved > 0
cross join lateral level_reservations_v1(array[v.level_no]) as r
inner join orders as o on o.order_no = r.order_no
left join left_behind as b on b.order_no = o.order_no and b.location_no = p.location_no
where p.deleted and (b.revision is null or b.revision < o.revision)
group by o.order_no, o.order_id, o.revision, p.location_id
order by o.order_no, p.location_id
limit $1
