-- The batches that are not counted in yet, and from when on all those drawn before this statement are finished.
-- A transaction has its number before it draws its batch's, so no batch drawn before is of a later one.
-- Parameters: $1 every batch up to this number is counted in (null: none is asked for), $2 before which
-- transaction all must have ended, $3 batches counted in beyond $1, $4 how many. Locks: none.
select
    pg_snapshot_xmin(n.snapshot)::text::bigint >= $2::bigint
    or pg_snapshot_xmax(n.snapshot)::text::bigint < $2::bigint as is_finished,
    pg_snapshot_xmax(n.snapshot)::text::bigint as finished_before,
    c.catalogue_version,
    array(
        select b.batch_id from batch as b
        where b.batch_id > $1::bigint and b.batch_id <> all($3::bigint [])
        order by b.batch_id
        limit $4
    ) as batch_ids
from (select pg_current_snapshot() as snapshot) as n
cross join catalogue_state as c
