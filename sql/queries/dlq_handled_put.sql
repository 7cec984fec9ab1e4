-- What became of dead letters on their topic. Parameters: $1 dead-letter topic, $2 partitions, $3 offsets,
-- $4 timestamps, $5 state, $6 run. Locks: their rows in sorted order.
insert into dlq_handled (dlq_topic, partition, record_offset, timestamp_ms, state, run_id)
select
    $1,
    u.partition,
    u.record_offset,
    u.timestamp_ms,
    $5,
    $6
from unnest($2::int [], $3::bigint [], $4::bigint []) as u (partition, record_offset, timestamp_ms)
order by u.partition, u.record_offset, u.timestamp_ms
on conflict (dlq_topic, partition, record_offset, timestamp_ms) do update
    set state = excluded.state, run_id = excluded.run_id, at = now()
