-- Bench's naive worker: the inbox row of an event. Parameters: $1 event id, $2 source, $3 its place,
-- $4 body hash, $5 type, $6 outcome, $7 order, $8 topic, $9 partition, $10 offset.
-- Locks: its key; a second worker with the same event waits here and then fails.
insert into event (
    event_id, source_no, seq, body_hash, type, outcome, answer, order_no, topic_no, partition, record_offset, at
)
values ($1, $2, $3, $4, $5, $6, $3, $7, $8, $9, $10, now())
