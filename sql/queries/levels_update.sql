-- Bring levels to the state that the batch left them in. Parameters: $1 level numbers, $2 stocked, $3 reserved,
-- $4 incoming, $5 damaged, $6 quarantined, $7 shortfall (null for a whole array: none of these changed),
-- $8 versions.
-- Locks: the level rows (guarded by their items).
update level as l
set
    stocked = u.stocked,
    reserved = u.reserved,
    incoming = coalesce(u.incoming, l.incoming),
    damaged = coalesce(u.damaged, l.damaged),
    quarantined = coalesce(u.quarantined, l.quarantined),
    shortfall = coalesce(u.shortfall, l.shortfall),
    version = u.version
from unnest($1::int [], $2::bigint [], $3::bigint [], $4::bigint [], $5::bigint [], $6::bigint [],
    $7::bigint [], $8::bigint [])
    as u (level_no, stocked, reserved, incoming, damaged, quarantined, shortfall, version)
where l.level_no = u.level_no
