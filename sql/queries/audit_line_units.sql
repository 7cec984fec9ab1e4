-- Shipments and returns whose units are not what their lines come to by the frozen recipe, in units of the item.
-- Parameters: $1 how many at the most. Locks: none.
with told as (
    select 'shipped' as direction, f.order_no, f.line_no, sum(f.quantity_micro) as quantity_micro
    from fulfillment_line as f
    group by f.order_no, f.line_no
    union all
    select 'returned' as direction, r.order_no, r.line_no, sum(r.quantity_micro) as quantity_micro
    from order_return_line as r
    group by r.order_no, r.line_no
),

moved as (
    select 'shipped' as direction, f.order_no, f.line_no, v.item_no, sum(f.quantity) as quantity
    from fulfillment_part as f
    inner join level as v on v.level_no = f.level_no
    group by f.order_no, f.line_no, v.item_no
    union all
    select 'returned' as direction, r.order_no, r.line_no, v.item_no, sum(r.quantity) as quantity
    from order_return_part as r
    inner join level as v on v.level_no = r.level_no
    group by r.order_no, r.line_no, v.item_no
),

wanted as (
    select t.direction, t.order_no, t.line_no, p.item_no, t.quantity_micro::numeric * p.required / 1000000 as quantity
    from told as t
    inner join order_line as ol on ol.order_no = t.order_no and ol.line_no = t.line_no
    inner join recipe_part as p on p.recipe_no = ol.recipe_no
)

select
    d.direction,
    o.order_id,
    ol.line_item_id,
    i.inventory_item_id,
    trim_scale(d.line_quantity / scale.f) as of_lines,
    trim_scale(d.unit_quantity / scale.f) as of_units,
    count(*) over () as total
from (
    select
        coalesce(w.direction, m.direction) as direction,
        coalesce(w.order_no, m.order_no) as order_no,
        coalesce(w.line_no, m.line_no) as line_no,
        coalesce(w.item_no, m.item_no) as item_no,
        coalesce(w.quantity, 0) as line_quantity,
        coalesce(m.quantity, 0) as unit_quantity
    from wanted as w
    full join moved as m
        on m.direction = w.direction and m.order_no = w.order_no and m.line_no = w.line_no and m.item_no = w.item_no
) as d
inner join orders as o on o.order_no = d.order_no
inner join order_line as ol on ol.order_no = d.order_no and ol.line_no = d.line_no
inner join inventory_item as i on i.item_no = d.item_no
cross join lateral (select trim_scale(power(10::numeric, i.decimal_places)) as f) as scale
where d.line_quantity <> d.unit_quantity
order by o.order_id, ol.line_no, i.inventory_item_id, d.direction
limit $1
