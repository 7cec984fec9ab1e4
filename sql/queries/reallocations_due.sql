-- Orders that hold of levels what is not there, oldest first, while their sales channel has the item elsewhere.
-- Of the reservations on a level the newest are those without stock. `generation` tells one state of the items'
-- levels from the next. Parameters: $1 how many at the most. Locks: none.
with short as materialized (
    select v.level_no, v.item_no, v.shortfall
    from level as v
    where v.shortfall > 0
        and exists (
            select from level as e
            inner join location as p on p.location_no = e.location_no
            where e.item_no = v.item_no and e.stocked - e.reserved - coalesce(e.safety_stock, 0) > 0
                and p.sells and p.ships and not p.deleted
        )
),

held as (
    select
        s.item_no,
        s.shortfall,
        r.order_no,
        r.quantity,
        sum(r.quantity) over (partition by r.level_no order by r.order_no desc, r.line_no desc) as with_newer
    from level_reservations_v1(array(select s.level_no from short as s)) as r
    inner join short as s on s.level_no = r.level_no
),

due as (
    select o.order_no, o.order_id, array_agg(distinct h.item_no) as item_nos
    from held as h
    inner join orders as o on o.order_no = h.order_no
    inner join sales_channel as c on c.sales_channel_id = o.sales_channel_id
    where h.with_newer - h.quantity < h.shortfall
        and exists (
            select from level as e
            inner join location as p on p.location_no = e.location_no
            where e.item_no = h.item_no and e.stocked - e.reserved - coalesce(e.safety_stock, 0) > 0
                and p.sells and p.ships and not p.deleted and p.location_id = any(c.location_ids)
        )
    group by o.order_no, o.order_id
    order by o.order_no
    limit $1
)

select d.order_id, (select sum(l.version) from level as l where l.item_no = any(d.item_nos))::bigint as generation
from due as d
order by d.order_no
