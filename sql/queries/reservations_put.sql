-- Set what lines of orders hold of levels. Parameters: $1 order numbers, $2 line numbers, $3 level numbers,
-- $4 quantities. Locks: the rows (guarded by order and item).
insert into reservation (order_no, line_no, level_no, quantity)
select * from unnest($1::bigint [], $2::smallint [], $3::int [], $4::bigint [])
on conflict (order_no, line_no, level_no) do update set quantity = excluded.quantity
