-- Events whose final answer is not in the archive: its batch is missing, or another event has the same place.
-- Parameters: $1 how many at the most. Locks: none.
select
    e.event_id,
    s.source,
    c.outcome,
    e.answer / 8192 as batch_id,
    e.answer % 8192 as place,
    e.sharing as events_at_place,
    count(*) over () as total
from (
    select n.event_id, n.source_no, n.outcome, n.answer, count(*) over (partition by n.answer) as sharing
    from event as n
    where n.outcome < 100
) as e
inner join outcome as c on c.outcome_no = e.outcome
left join source as s on s.source_no = e.source_no
left join batch as b on b.batch_id = e.answer / 8192
where b.batch_id is null or e.sharing > 1
order by e.event_id, s.source
limit $1
