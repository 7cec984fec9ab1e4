-- Give every topic a number, the same for all workers and for ever. Known ones use no number up.
-- Parameters: $1 topics, sorted. Locks: new keys in sorted order.
insert into topic (topic)
select u.topic
from unnest($1::text []) with ordinality as u (topic, place)
where not exists (select from topic as t where t.topic = u.topic)
order by u.place
on conflict (topic) do nothing
