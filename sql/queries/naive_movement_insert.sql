-- Bench's naive worker: one row of the ledger, for units reserved. Parameters: $1 level, $2 its version,
-- $3 event's place, $4 bucket, $5 units, $6 order, $7 line number. Locks: none beyond the row.
insert into movement (level_no, version, event_seq, bucket, delta, order_no, line_no)
values ($1, $2, $3, $4, $5, $6, $7)
