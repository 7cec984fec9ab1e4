-- Bench's naive worker: one reservation. Parameters: $1 order, $2 line number, $3 level, $4 units.
-- Locks: none beyond the row.
insert into reservation (order_no, line_no, level_no, quantity)
values ($1, $2, $3, $4)
