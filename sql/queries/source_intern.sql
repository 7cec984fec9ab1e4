-- Give every source a number, the same for all workers and for ever. Known ones use no number up.
-- Parameters: $1 sources, sorted. Locks: new keys in sorted order.
insert into source (source)
select u.source
from unnest($1::text []) with ordinality as u (source, place)
where not exists (select from source as s where s.source = u.source)
order by u.place
on conflict (source) do nothing
