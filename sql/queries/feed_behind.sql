-- How many of these partitions a consumer group has not read this far, as the database knows it.
-- Parameters: $1 consumer group, $2 topics, $3 partitions, $4 next offsets. Locks: none.
select count(*) as partitions
from unnest($2::text [], $3::int [], $4::bigint []) as u (topic, partition, next_offset)
where not exists (
    select from consumer_progress as p
    where p.consumer_group = $1 and p.topic = u.topic and p.partition = u.partition
        and p.next_offset >= u.next_offset
)
