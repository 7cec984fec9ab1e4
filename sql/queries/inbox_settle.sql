-- Give events that were parked or dead their outcome, at the place of this batch that answers them. A dead one
-- may come back edited: from now on its id stands for what it says now.
-- Parameters: $1 event ids, $2 source numbers, $3 seqs, $4 outcomes, $5 answers (null = still not final),
-- $6 topic numbers, $7 partitions, $8 offsets, $9 body hashes, $10 types, $11 order numbers (these three null:
-- as they are), $12 when.
-- Locks: inbox keys in the given (sorted) order. Fewer rows back than given: another worker was first.
update event as e
set
    seq = u.seq,
    outcome = u.outcome,
    answer = u.answer,
    topic_no = u.topic_no,
    partition = u.partition,
    record_offset = u.record_offset,
    body_hash = coalesce(u.body_hash, e.body_hash),
    type = coalesce(u.type, e.type),
    order_no = coalesce(u.order_no, e.order_no),
    at = $12
from unnest($1::text [], $2::int [], $3::bigint [], $4::smallint [], $5::bigint [],
    $6::smallint [], $7::int [], $8::bigint [], $9::bytea [], $10::smallint [], $11::bigint [])
    as u (event_id, source_no, seq, outcome, answer, topic_no, partition, record_offset, body_hash, type, order_no)
where
    e.event_id = u.event_id
    and e.source_no = u.source_no
    and e.outcome >= 100
