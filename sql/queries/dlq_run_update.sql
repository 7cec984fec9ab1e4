-- How far a run has come. Parameters: $1 id, $2 counts, $3 how it ended, null while it goes on. Locks: the row.
update dlq_run
set counts = $2, ended = $3, ended_at = case when $3::text is not null then now() end
where run_id = $1
