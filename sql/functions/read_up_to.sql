-- Up to when everything is read: what is due by then cannot be prevented any more by what is still unread.
--
-- Parameters: consumer group, its input topics, a moment to take for the present instead, all being read up to it
-- (null: the clock, as far as every partition of every topic is read past it). Locks: none.
-- A partition that nobody has looked at yet holds everything up.
create or replace function read_up_to_v1(its_group text, its_topics text [], present timestamptz)
returns timestamptz
language sql volatile as $$
select
    case
        when present is not null then present
        when count(distinct p.topic) = cardinality(its_topics)
            then least(clock_timestamp(), min(coalesce(p.caught_up_at, '-infinity')))
        else '-infinity'
    end
from consumer_progress as p
where p.consumer_group = its_group and p.topic = any(its_topics)
$$;
