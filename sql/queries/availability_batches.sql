-- The batches that are not counted in yet. Batches commit in another order than their numbers are drawn; but a
-- transaction that changes levels has its own number before it draws its batch's. So whoever reads the last number
-- drawn and takes a transaction's number after that, knows that all batches drawn before are of older transactions.
-- Parameters: $1 every batch up to this number is counted in (null: none is asked for), $2 before which
-- transaction all must have ended, $3 batches counted in beyond $1, $4 how many. Locks: none.
select
    pg_snapshot_xmin(n.snapshot)::text::bigint >= $2::bigint
    -- A database that was restored elsewhere begins its transactions anew.
    or n.transaction_no < $2::bigint as is_finished,
    n.transaction_no as finished_before,
    c.catalogue_version,
    array(
        select b.batch_id from batch as b
        where b.batch_id > $1::bigint and b.batch_id <> all($3::bigint [])
        order by b.batch_id
        limit $4
    ) as batch_ids
from (select pg_current_snapshot() as snapshot, pg_current_xact_id()::text::bigint as transaction_no) as n
cross join catalogue_state as c
