-- Note versions of levels whose movement is lost. Parameters: $1 level numbers, $2 versions, $3 event seqs.
-- Locks: the rows (guarded by the items).
insert into ledger_gap (level_no, version, event_seq)
select * from unnest($1::int [], $2::bigint [], $3::bigint [])
