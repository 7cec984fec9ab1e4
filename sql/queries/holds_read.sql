-- What is held for these carts. Parameters: $1 cart numbers. Locks: none (those to be changed are locked).
select
    h.cart_no,
    h.line_item_id,
    h.level_no,
    h.quantity,
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from unnest($1::bigint []) as u (cart_no)
inner join hold as h on h.cart_no = u.cart_no
inner join level as l on l.level_no = h.level_no
inner join inventory_item as i on i.item_no = l.item_no
order by h.cart_no, h.line_item_id, h.level_no
