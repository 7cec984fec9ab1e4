-- The events that shipped of an order line, undid that, or brought some of it back. Parameters: $1 order's id, $2 line item's
-- id. Locks: none.
select
    w.what,
    o.order_id,
    ol.line_item_id,
    e.event_id,
    e.source,
    e.type,
    e.at
from orders as o
inner join order_line as ol on ol.order_no = o.order_no
inner join (
    select f.order_no, l.line_no, f.event_seq, 'fulfillment ' || f.fulfillment_id as what
    from fulfillment as f
    inner join fulfillment_line as l on l.order_no = f.order_no and l.fulfillment_no = f.fulfillment_no
    union
    select f.order_no, l.line_no, f.canceled_seq, 'fulfillment ' || f.fulfillment_id || ' canceled' as what
    from fulfillment as f
    inner join fulfillment_line as l on l.order_no = f.order_no and l.fulfillment_no = f.fulfillment_no
    where f.canceled_seq is not null
    union
    select r.order_no, l.line_no, r.event_seq, 'return ' || r.return_id as what
    from order_return as r
    inner join order_return_line as l on l.order_no = r.order_no and l.return_no = r.return_no
) as w on w.order_no = ol.order_no and w.line_no = ol.line_no
left join v_event as e on e.event_seq = w.event_seq
where o.order_id = $1 and ol.line_item_id = $2
order by w.event_seq
