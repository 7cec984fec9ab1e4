-- Events whose prerequisite is there although nobody released them: the sweeper's second look, oldest first.
-- Parameters: $1 how many at the most. Locks: none.
select
    p.event_id,
    p.source_no,
    p.arrival,
    p.waits_kind,
    p.waits_key,
    p.order_no,
    p.until,
    p.topic_no,
    p.partition,
    p.record_offset,
    p.timestamp_ms,
    p.key,
    p.value,
    p.headers
from parked as p
where case p.waits_kind
    when 1 then exists (select from variant as v where v.variant_id = p.waits_key and v.known)
    when 2 then exists (select from inventory_item as i where i.inventory_item_id = p.waits_key and i.known)
    when 3 then exists (select from inventory_item as i where i.sku = p.waits_key and i.known)
    when 4 then exists (select from location as l where l.location_id = p.waits_key and l.known)
    when 5 then exists (select from sales_channel as c where c.sales_channel_id = p.waits_key and c.known)
    when 7 then exists (
        select from inventory_item as i
        inner join level as l on l.item_no = i.item_no
        where i.inventory_item_id = p.waits_key
    )
    when 8 then exists (select from transfer as t where t.transfer_id = p.waits_key and t.body_hash is not null)
    else false
end
order by p.arrival
limit $1
