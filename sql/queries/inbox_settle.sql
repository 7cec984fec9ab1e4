-- Give the final outcome to events that were parked or dead, at the place of this batch that answers them.
-- Parameters: $1 event ids, $2 source numbers, $3 seqs, $4 outcomes, $5 answers (null = still not final),
-- $6 topic numbers, $7 partitions, $8 offsets, $9 when.
-- Locks: inbox keys in the given (sorted) order. Fewer rows back than given: another worker was first.
update event as e
set
    seq = u.seq,
    outcome = u.outcome,
    answer = u.answer,
    topic_no = u.topic_no,
    partition = u.partition,
    record_offset = u.record_offset,
    at = $9
from unnest($1::text [], $2::int [], $3::bigint [], $4::smallint [], $5::bigint [],
    $6::smallint [], $7::int [], $8::bigint [])
    as u (event_id, source_no, seq, outcome, answer, topic_no, partition, record_offset)
where
    e.event_id = u.event_id
    and e.source_no = u.source_no
    and e.outcome >= 100
