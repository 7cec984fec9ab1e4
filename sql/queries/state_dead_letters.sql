-- All dead letters, in the order in which they died. Parameters: none. Locks: none.
select
    d.reason,
    d.state,
    t.topic,
    d.partition,
    d.record_offset,
    d.event_id,
    d.source,
    d.at
from dead_letter as d
inner join topic as t on t.topic_no = d.topic_no
order by d.place
