-- Give every source a number, the same for all workers and for ever.
-- Parameters: $1 sources, sorted. Locks: new keys in sorted order.
insert into source (source)
select unnest($1::text [])
on conflict (source) do nothing
