-- Note that partitions are read to their end, also those in which nothing comes. Parameters: $1 consumer group,
-- parallel arrays of $2 topics, $3 partitions, $4 next offsets, $5 how long ago that was seen; sorted by the caller.
-- Locks: progress rows, in the order given.
insert into consumer_progress as p (consumer_group, topic, partition, next_offset, caught_up_at)
select $1, u.topic, u.partition, u.next_offset, clock_timestamp() - u.seen
from unnest($2::text [], $3::int [], $4::bigint [], $5::interval [])
    with ordinality as u (topic, partition, next_offset, seen, place)
order by u.place
on conflict (consumer_group, topic, partition) do update set
    caught_up_at = greatest(p.caught_up_at, excluded.caught_up_at)
where p.next_offset <= excluded.next_offset
