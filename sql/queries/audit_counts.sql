-- How many rows an audit looks at, and how many batches are still being published.
-- Parameters: none. Locks: none.
select
    (select count(*) from level) as levels,
    (select count(*) from movement) as movements,
    (select count(*) from reservation) as reservations,
    (select count(*) from event) as events,
    (select count(*) from batch as b where b.published_at is null) as batches_unpublished
