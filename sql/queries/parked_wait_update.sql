-- Events that now wait for something else. Parameters: $1 event ids, $2 source numbers, $3 wait kinds,
-- $4 wait keys. Locks: the rows. Fewer rows back than given: another worker released one meanwhile.
update parked as p
set waits_kind = u.waits_kind, waits_key = u.waits_key
from unnest($1::text [], $2::int [], $3::smallint [], $4::text [])
    as u (event_id, source_no, waits_kind, waits_key)
where p.event_id = u.event_id and p.source_no = u.source_no
