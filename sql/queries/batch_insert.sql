-- The batch's outbox row and how far its partitions are now read, in one go.
-- Parameters: $1 batch id, $2 worker, $3 when, $4 how long this worker alone publishes it (interval),
-- $5 frames (null: nothing to tell, no row),
-- $6 consumer group, $7 topics, $8 partitions, $9 next offsets, $10 record times, $11 read to the end?
-- Locks: progress rows, sorted by topic and partition (the caller sorts).
with progress as (
    insert into consumer_progress as p (
        consumer_group, topic, partition, next_offset, record_time, caught_up_at
    )
    select $6, u.topic, u.partition, u.next_offset, u.record_time, case when u.caught_up then $3::timestamptz end
    from unnest($7::text [], $8::int [], $9::bigint [], $10::timestamptz [], $11::boolean [])
        as u (topic, partition, next_offset, record_time, caught_up)
    order by u.topic collate "C", u.partition
    on conflict (consumer_group, topic, partition) do update set
        next_offset = greatest(p.next_offset, excluded.next_offset),
        record_time = greatest(p.record_time, excluded.record_time),
        caught_up_at = coalesce(excluded.caught_up_at, p.caught_up_at)
)

insert into batch (batch_id, worker, at, claimed_until, frames)
select $1, $2, $3, clock_timestamp() + $4, $5::bytea
where $5::bytea is not null
