-- Order lines of which more was shipped than ordered (unless the order was edited since), or more came back than
-- was shipped, in units of the line.
-- Parameters: $1 how many at the most. Locks: none.
select
    o.order_id,
    ol.line_item_id,
    trim_scale(ol.quantity_micro / 1000000.0) as ordered,
    trim_scale(coalesce(f.quantity_micro, 0) / 1000000.0) as shipped,
    trim_scale(coalesce(r.quantity_micro, 0) / 1000000.0) as returned,
    count(*) over () as total
from order_line as ol
inner join orders as o on o.order_no = ol.order_no
left join (
    select n.order_no, n.line_no, sum(n.quantity_micro) as quantity_micro
    from fulfillment_line as n
    inner join fulfillment as s on s.order_no = n.order_no and s.fulfillment_no = n.fulfillment_no
    where s.canceled_seq is null
    group by n.order_no, n.line_no
) as f on f.order_no = ol.order_no and f.line_no = ol.line_no
left join (
    select n.order_no, n.line_no, sum(n.quantity_micro) as quantity_micro from order_return_line as n
    group by n.order_no, n.line_no
) as r on r.order_no = ol.order_no and r.line_no = ol.line_no
where (coalesce(f.quantity_micro, 0) > ol.quantity_micro and not o.edited)
    or coalesce(r.quantity_micro, 0) > coalesce(f.quantity_micro, 0)
order by o.order_id, ol.line_no
limit $1
