-- A run of the replay tool begins. Parameters: $1 id, $2 kind, $3 who, $4 dead-letter topic, $5 selection,
-- $6 ends of its partitions, $7 topic it goes to (null: where each came from), $8 reason. Locks: the new row.
insert into dlq_run (run_id, kind, who, dlq_topic, selection, ends, to_topic, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8)
