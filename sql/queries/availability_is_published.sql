-- Whether all that a pass changed is on Kafka. Parameters: $1 pass. Locks: none.
select s.published_pass >= $1 as is_published from availability_state as s
