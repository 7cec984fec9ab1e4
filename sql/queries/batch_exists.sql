-- Did the transaction of this batch commit? Parameters: $1 batch id. Locks: none.
select exists (select from batch as b where b.batch_id = $1)
