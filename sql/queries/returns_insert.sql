-- Record applied returns. Parameters: $1 order numbers, $2 return numbers, $3 ids, $4 body hashes,
-- $5 seqs of their events. Locks: the new rows (guarded by the order).
insert into order_return (order_no, return_no, return_id, body_hash, event_seq)
select * from unnest($1::bigint [], $2::smallint [], $3::text [], $4::bytea [], $5::bigint [])
