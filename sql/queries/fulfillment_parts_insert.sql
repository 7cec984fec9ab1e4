-- What left which level. Parameters: $1 order numbers, $2 fulfilment numbers, $3 part numbers,
-- $4 line numbers, $5 level numbers, $6 quantities. Locks: the new rows (guarded by the order).
insert into fulfillment_part (order_no, fulfillment_no, part_no, line_no, level_no, quantity)
select * from unnest($1::bigint [], $2::smallint [], $3::smallint [], $4::smallint [], $5::int [], $6::bigint [])
