-- Give every topic a number, the same for all workers and for ever.
-- Parameters: $1 topics, sorted. Locks: new keys in sorted order.
insert into topic (topic)
select unnest($1::text [])
on conflict (topic) do nothing
