-- Move the oldest published batches, with the inbox rows of the events that they answered, to the archives.
--
-- Parameters: only batches older than this, how many at the most. Gives how many were moved; 0 = none is left.
-- Batches with open dead letters stay until those are closed: replaying reads their records here. Events that are
-- still parked stay too, and are answered by a later batch.
-- Locks: the batches' rows and the events' (nobody else's any more), skipping those of another archiver.
-- Runs with its owner's rights: for the worker itself inbox and answers are append-only.
create or replace function archive_inbox_v1(before timestamptz, batches_max int) returns int
language plpgsql volatile security definer set search_path from current as $$
declare
    batch_ids bigint [];
    moments timestamptz [];
begin
    select array_agg(w.batch_id), array_agg(w.at) into batch_ids, moments
    from (
        select b.batch_id, b.at
        from batch as b
        where b.published_at is not null and b.at < before
            and b.batch_id not in (select d.place / 8192 from dead_letter as d where d.state = 'open')
        order by b.batch_id
        limit batches_max
        for update skip locked
    ) as w;
    if batch_ids is null then
        return 0;
    end if;
    perform archive_months_v1(moments);

    with gone as (
        delete from event as e
        where e.seq >= batch_ids[1] * 8192 and e.seq < (batch_ids[cardinality(batch_ids)] + 1) * 8192
            and e.seq / 8192 = any(batch_ids) and e.outcome <> 100
        returning e.*
    )
    insert into event_archive (
        at, seq, event_id, source, type, outcome, order_id, topic, partition, record_offset
    )
    select u.at, g.seq, g.event_id, s.source, t.type, c.outcome, o.order_id, p.topic, g.partition, g.record_offset
    from gone as g
    inner join unnest(batch_ids, moments) as u (batch_id, at) on u.batch_id = g.seq / 8192
    left join source as s on s.source_no = g.source_no
    left join event_type as t on t.type_no = g.type
    left join outcome as c on c.outcome_no = g.outcome
    left join topic as p on p.topic_no = g.topic_no
    left join orders as o on o.order_no = g.order_no;

    with gone as (
        delete from batch as b where b.batch_id = any(batch_ids)
        returning b.*
    )
    insert into batch_archive (at, batch_id, worker, published_at, frames)
    select g.at, g.batch_id, g.worker, g.published_at, g.frames from gone as g;
    return cardinality(batch_ids);
end
$$;

revoke execute on function archive_inbox_v1(timestamptz, int) from public;
grant execute on function archive_inbox_v1(timestamptz, int) to inventory_worker;
