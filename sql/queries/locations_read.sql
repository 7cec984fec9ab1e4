-- All known locations, deleted ones too. Parameters: none. Locks: none.
select
    l.location_no,
    l.location_id,
    l.name,
    l.sells,
    l.ships,
    l.accepts_returns,
    l.priority,
    l.latitude,
    l.longitude,
    l.deleted,
    l.content_hash,
    l.guard_version,
    l.guard_source,
    l.guard_time
from location as l
where l.known
