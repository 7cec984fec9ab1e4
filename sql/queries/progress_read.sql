-- How far a consumer group has read, as the database knows it. Parameters: $1 consumer group. Locks: none.
select p.topic, p.partition, p.next_offset, p.record_time, p.caught_up_at from consumer_progress as p
where p.consumer_group = $1
