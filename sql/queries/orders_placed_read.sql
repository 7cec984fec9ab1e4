-- Which of these orders are placed, and with which body. Parameters: $1 order ids. Locks: none.
select o.order_id, o.placement_hash
from unnest($1::text []) as u (order_id)
inner join orders as o on o.order_id = u.order_id
where exists (select from order_line as l where l.order_no = o.order_no)
