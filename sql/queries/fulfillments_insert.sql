-- Record applied fulfilments. Parameters: $1 order numbers, $2 fulfilment numbers, $3 ids, $4 body hashes,
-- $5 seqs of their events. Locks: the new rows (guarded by the order).
insert into fulfillment (order_no, fulfillment_no, fulfillment_id, body_hash, event_seq)
select * from unnest($1::bigint [], $2::smallint [], $3::text [], $4::bytea [], $5::bigint [])
