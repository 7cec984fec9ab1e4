-- Orders that hold of levels what is not there, oldest first, while their sales channel has the item elsewhere:
-- no more of them than that may cover. Of what is held of a level carts' and the newest orders' lack stock.
-- `generation` tells one state of the items' levels from the next. Parameters: $1 how many at the most. Locks: none.
with short as materialized (
    select v.level_no, v.item_no, v.shortfall
    from level as v
    where v.shortfall > 0
),

free as (
    select e.item_no, p.location_id, e.stocked - e.reserved - coalesce(e.safety_stock, 0) as units
    from level as e
    inner join location as p on p.location_no = e.location_no
    where e.item_no = any(array(select s.item_no from short as s))
        and e.stocked - e.reserved - coalesce(e.safety_stock, 0) > 0
        and p.sells and p.ships and not p.deleted
),

held as (
    select
        s.item_no,
        s.shortfall,
        r.order_no,
        r.quantity,
        sum(r.quantity) over (partition by r.level_no order by r.order_no desc, r.line_no desc)
            + coalesce((select sum(c.quantity) from hold as c where c.level_no = r.level_no), 0) as with_newer
    from level_reservations_v1(
        array(select s.level_no from short as s where s.item_no = any(array(select f.item_no from free as f)))
    ) as r
    inner join short as s on s.level_no = r.level_no
),

lacking as (
    select
        o.order_no,
        o.order_id,
        h.item_no,
        sum(least(h.quantity, h.shortfall - h.with_newer + h.quantity)) over (
            partition by h.item_no order by o.order_no range unbounded preceding exclude group
        ) as lacked_by_older
    from held as h
    inner join orders as o on o.order_no = h.order_no
    inner join sales_channel as c on c.sales_channel_id = o.sales_channel_id
    where h.with_newer - h.quantity < h.shortfall
        and exists (
            select from free as f where f.item_no = h.item_no and f.location_id = any(c.location_ids)
        )
),

due as (
    select l.order_no, l.order_id, array_agg(distinct l.item_no) as item_nos
    from lacking as l
    where coalesce(l.lacked_by_older, 0) < (select sum(f.units) from free as f where f.item_no = l.item_no)
    group by l.order_no, l.order_id
    order by l.order_no
    limit $1
)

select d.order_id, (select sum(l.version) from level as l where l.item_no = any(d.item_nos))::bigint as generation
from due as d
order by d.order_no
