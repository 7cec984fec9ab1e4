-- Set what transfers have come to. Parameters: $1 transfer numbers, $2 body hashes of their shipments,
-- $3 numbers of the locations they leave, $4 of those they lead to, $5 whether they are closed.
-- Locks: the rows (locked before).
update transfer as t
set
    body_hash = u.body_hash,
    from_location_no = u.from_location_no,
    to_location_no = u.to_location_no,
    closed = u.closed
from unnest($1::bigint [], $2::bytea [], $3::int [], $4::int [], $5::boolean [])
    as u (transfer_no, body_hash, from_location_no, to_location_no, closed)
where t.transfer_no = u.transfer_no
