-- Which of these positions are dead letters already. Parameters: $1 topic numbers, $2 partitions, $3 offsets,
-- $4 timestamps. Locks: none.
select d.topic_no, d.partition, d.record_offset
from unnest($1::smallint [], $2::int [], $3::bigint [], $4::bigint [])
    as u (topic_no, partition, record_offset, timestamp_ms)
inner join dead_letter as d
    on
        d.topic_no = u.topic_no
        and d.partition = u.partition
        and d.record_offset = u.record_offset
        and d.timestamp_ms = u.timestamp_ms
