-- What the inbox knows of these events: at most one row each. Unanswered events have no row.
-- Parameters: $1 event ids, $2 their source numbers. Locks: none (a final outcome never changes).
select
    e.event_id,
    e.source_no,
    e.body_hash,
    e.outcome,
    e.answer,
    e.topic_no,
    e.partition,
    e.record_offset
from unnest($1::text [], $2::int []) as asked (event_id, source_no)
inner join event as e on e.event_id = asked.event_id and e.source_no = asked.source_no
