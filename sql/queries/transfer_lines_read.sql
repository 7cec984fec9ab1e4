-- What these transfers carry, with its items. Parameters: $1 transfer numbers. Locks: none (they are locked).
select
    l.transfer_no,
    l.shipped,
    l.received,
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from unnest($1::bigint []) as u (transfer_no)
inner join transfer_line as l on l.transfer_no = u.transfer_no
inner join inventory_item as i on i.item_no = l.item_no
order by l.transfer_no, l.item_no
