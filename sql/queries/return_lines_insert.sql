-- The lines of returns. Parameters: $1 order numbers, $2 return numbers, $3 places, $4 line numbers,
-- $5 quantities (millionths), $6 dispositions. Locks: the new rows (guarded by the order).
insert into order_return_line (order_no, return_no, place, line_no, quantity_micro, disposition)
select * from unnest($1::bigint [], $2::smallint [], $3::smallint [], $4::smallint [], $5::bigint [], $6::text [])
