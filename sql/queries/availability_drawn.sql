-- The last batch number drawn by anybody, whether its transaction has ended or not.
-- Parameters: none. Locks: none.
select b.last_value from batch_id as b
