-- All that is held, in units: by orders, oldest first, then for carts. Parameters: none. Locks: none.
select
    r.order_id,
    null as cart_id,
    r.line_item_id,
    r.inventory_item_id,
    r.location_id,
    r.quantity,
    r.order_no,
    r.line_no
from v_reservation as r
union all
select
    null as order_id,
    h.cart_id,
    h.line_item_id,
    h.inventory_item_id,
    h.location_id,
    h.quantity,
    null as order_no,
    null as line_no
from v_hold as h
order by order_no nulls last, line_no, cart_id, line_item_id, inventory_item_id, location_id
