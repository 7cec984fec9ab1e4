-- Events that wait no longer. Parameters: $1 event ids, $2 source numbers.
-- Locks: the rows (guarded by the inbox keys).
delete from parked as p
using unnest($1::text [], $2::int []) as u (event_id, source_no)
where p.event_id = u.event_id and p.source_no = u.source_no
