-- The newest batches' ids, newest first. Parameters: $1 how many at the most (null: all). Locks: none.
select b.batch_id from batch as b
order by b.batch_id desc
limit $1
