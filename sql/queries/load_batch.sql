-- Lock and read what a batch needs: see functions/load_batch.sql for what each is.
-- Parameters: as there. Locks: as there.
select * from load_batch_v1($1, $2, $3, $4, $5, $6, $7, $8)
