-- Order lines that reserve something else of a level than the ledger says, in units, with the last event that
-- moved it for them. Parameters: $1 item's id, $2 location's id, $3 how many at the most. Locks: none.
select
    o.order_id,
    ol.line_item_id,
    units(r.ledger::bigint, v.decimal_places) as ledger,
    units(r.held::bigint, v.decimal_places) as held,
    e.event_id,
    e.source,
    e.type,
    e.at
from v_level as v
inner join v_reserved_by_line as r on r.level_no = v.level_no
left join orders as o on o.order_no = r.order_no
left join order_line as ol on ol.order_no = r.order_no and ol.line_no = r.line_no
left join v_event as e on e.event_seq = r.event_seq
where v.inventory_item_id = $1 and v.location_id = $2 and r.ledger <> r.held
order by r.order_no, r.line_no
limit $3
