-- Parts of order lines of which more is held and shipped than the line takes by its frozen recipe, in units of
-- the item. An item that is no part of the line may not be held or shipped at all, nor may a canceled line hold.
-- A line that was edited below what had left may have shipped more; then it holds nothing.
-- Parameters: $1 how many at the most. Locks: none.
select
    o.order_id,
    ol.line_item_id,
    i.inventory_item_id,
    trim_scale(wanted.quantity / scale.f) as ordered,
    t.held / scale.f as held,
    t.shipped / scale.f as shipped,
    count(*) over () as total
from (
    select u.order_no, u.line_no, v.item_no, sum(u.held) as held, sum(u.shipped) as shipped
    from (
        select r.order_no, r.line_no, r.level_no, r.quantity as held, 0 as shipped from reservation as r
        union all
        select p.order_no, p.line_no, p.level_no, 0 as held, p.quantity as shipped
        from fulfillment_part as p
        inner join fulfillment as f on f.order_no = p.order_no and f.fulfillment_no = p.fulfillment_no
        where f.canceled_seq is null
    ) as u
    inner join level as v on v.level_no = u.level_no
    group by u.order_no, u.line_no, v.item_no
) as t
inner join orders as o on o.order_no = t.order_no
inner join order_line as ol on ol.order_no = t.order_no and ol.line_no = t.line_no
inner join inventory_item as i on i.item_no = t.item_no
left join recipe_part as p on p.recipe_no = ol.recipe_no and p.item_no = t.item_no
cross join lateral (select trim_scale(power(10::numeric, i.decimal_places)) as f) as scale
cross join lateral (
    select coalesce(ol.quantity_micro::numeric * p.required / 1000000, 0) as quantity
) as wanted
where
    (t.held + t.shipped > wanted.quantity and (t.held > 0 or not o.edited or p.item_no is null))
    or (t.held > 0 and (o.canceled or ol.line_item_id = any(o.canceled_line_ids)))
order by o.order_id, ol.line_no, i.inventory_item_id
limit $1
