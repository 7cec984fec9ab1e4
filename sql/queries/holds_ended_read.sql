-- Holds whose time is over, the longest over first.
-- Parameters: $1 consumer group, $2 its input topics, $3 how many at the most, $4 a moment to take
-- for the present instead, all being read up to it (null: the clock). Locks: none.
-- None is over before every partition of every topic is read past its time: the order that takes it over may still
-- be unread there (functions/read_up_to.sql).
select c.cart_no, c.cart_id, c.generation, c.expires_at
from read_up_to_v1($1, $2::text [], $4) as g (passed_at)
inner join cart as c on c.expires_at < g.passed_at
order by c.expires_at
limit $3
