-- What these orders hold. Parameters: $1 order numbers. Locks: none (orders and items are locked).
select r.order_no, r.line_no, r.level_no, r.quantity from reservation as r
where r.order_no = any($1::bigint [])
order by r.order_no, r.line_no, r.level_no
