-- Make locations what their event says. Parameters: $1 JSON array of rows, $2 the catalogue version.
-- Locks: the location rows (locked already).
update location as l
set
    known = true,
    name = u.name,
    sells = u.sells,
    ships = u.ships,
    accepts_returns = u.accepts_returns,
    priority = u.priority,
    latitude = u.latitude,
    longitude = u.longitude,
    deleted = u.deleted,
    content_hash = decode(u.content_hash, 'hex'),
    guard_version = u.guard_version,
    guard_source = u.guard_source,
    guard_time = u.guard_time,
    catalogue_version = $2
from jsonb_to_recordset($1::jsonb) as u (
    location_no int, name text, sells boolean, ships boolean, accepts_returns boolean, priority int,
    latitude double precision, longitude double precision, deleted boolean, content_hash text, guard_version bigint, guard_source text, guard_time timestamptz
)
where l.location_no = u.location_no
