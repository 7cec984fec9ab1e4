-- Carts for which something is held at deleted locations, while there is room elsewhere. `generation` tells one state
-- of the items' levels from the next. Parameters: $1 how many at the most. Locks: none.
select c.cart_id, p.location_id, sum(distinct t.version)::bigint as generation
from location as p
inner join level as v on v.location_no = p.location_no and v.reserved > 0
inner join hold as h on h.level_no = v.level_no
inner join cart as c on c.cart_no = h.cart_no
cross join lateral (
    select sum(e.version) as version, bool_or(w.sells and w.ships and not w.deleted and e.stocked > e.reserved) as room
    from level as e
    inner join location as w on w.location_no = e.location_no
    where e.item_no = v.item_no
) as t
where p.deleted and t.room
group by c.cart_no, c.cart_id, p.location_id
order by c.cart_no, p.location_id
limit $1
