-- Inbox rows of events that the database refused to apply: redelivered they stay dead, replayed they are
-- judged afresh.
-- Parameters: $1 event ids, $2 source numbers, $3 seqs, $4 body hashes, $5 types, $6 the outcome's number,
-- $7 topic numbers, $8 partitions, $9 offsets, $10 when. Locks: the new keys in sorted order.
insert into event (
    event_id, source_no, seq, body_hash, type, outcome, topic_no, partition, record_offset, at
)
select
    u.event_id,
    u.source_no,
    u.seq,
    u.body_hash,
    u.type,
    $6,
    u.topic_no,
    u.partition,
    u.record_offset,
    $10
from unnest($1::text [], $2::int [], $3::bigint [], $4::bytea [], $5::smallint [], $7::smallint [],
    $8::int [], $9::bigint [])
    as u (event_id, source_no, seq, body_hash, type, topic_no, partition, record_offset)
order by u.event_id collate "C", u.source_no
on conflict (event_id, source_no) do nothing
