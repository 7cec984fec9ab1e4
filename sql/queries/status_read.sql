-- What an operator has to know at a glance: parked events, dead letters, answers not published, the last batch.
-- Parameters: none. Locks: none.
select
    (select count(*) from parked) as parked,
    (select min(p.parked_at) from parked as p) as parked_oldest_at,
    (select count(*) from dead_letter as d where d.state = 'open') as dead_letters,
    (select count(*) from batch as b where b.published_at is null) as batches_unpublished,
    (select min(b.at) from batch as b where b.published_at is null) as batch_unpublished_oldest_at,
    (select b.at from batch as b order by b.batch_id desc limit 1) as batch_last_at,
    clock_timestamp() as now
