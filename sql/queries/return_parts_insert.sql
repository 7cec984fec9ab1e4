-- What came back onto which level. Parameters: $1 order numbers, $2 return numbers, $3 part numbers,
-- $4 line numbers, $5 level numbers, $6 quantities, $7 dispositions.
-- Locks: the new rows (guarded by the order).
insert into order_return_part (order_no, return_no, part_no, line_no, level_no, quantity, disposition)
select * from unnest($1::bigint [], $2::smallint [], $3::smallint [], $4::smallint [], $5::int [],
    $6::bigint [], $7::text [])
