-- The lines of fulfilments. Parameters: $1 order numbers, $2 fulfilment numbers, $3 line numbers,
-- $4 quantities (millionths). Locks: the new rows (guarded by the order).
insert into fulfillment_line (order_no, fulfillment_no, line_no, quantity_micro)
select * from unnest($1::bigint [], $2::smallint [], $3::smallint [], $4::bigint [])
