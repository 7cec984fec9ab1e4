-- Begin one segment of the log after the other, so that they are there before anything is measured.
-- Parameters: $1 segments. Locks: none.
select count(pg_logical_emit_message(false, 'bench', 'x')), count(pg_switch_wal())
from generate_series(1, $1::int)
