-- Events that the inbox has as parked without a parked record, and parked records of events that it has not so.
-- Parameters: $1 how many at the most. Locks: none.
select
    coalesce(p.event_id, e.event_id) as event_id,
    s.source,
    case when p.event_id is null then 'no parked record' else 'not parked in the inbox' end as lack,
    c.outcome,
    count(*) over () as total
from (select event_id, source_no, outcome from event where outcome = 100) as w
full join parked as p on p.event_id = w.event_id and p.source_no = w.source_no
left join event as e on e.event_id = coalesce(p.event_id, w.event_id)
    and e.source_no = coalesce(p.source_no, w.source_no)
left join outcome as c on c.outcome_no = e.outcome
left join source as s on s.source_no = coalesce(p.source_no, w.source_no)
where w.event_id is null or p.event_id is null
order by coalesce(p.event_id, e.event_id), s.source
limit $1
