-- Bench's naive worker: reserve units at a level. Parameters: $1 level number, $2 units. Locks: its row.
update level
set reserved = reserved + $2, version = version + 1
where level_no = $1
returning stocked, reserved, incoming, damaged, quarantined, shortfall, version as level_version
