-- Drop the archives' months that ended before a moment. Gives how many were dropped.
--
-- Parameters: the moment. Locks: the archives, which only inspection reads, for a moment.
-- Runs with its owner's rights: the worker itself may not change the schema.
create or replace function archive_drop_v1(before timestamptz) returns int
language plpgsql volatile security definer set search_path from current as $$
declare
    month text;
    dropped int := 0;
begin
    for month in
        select c.relname::text
        from pg_inherits as n
        inner join pg_class as c on c.oid = n.inhrelid
        where n.inhparent in (
                'event_archive'::regclass, 'batch_archive'::regclass, 'movement_archive'::regclass,
                'order_archive'::regclass
            )
            and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before at time zone 'UTC'
    loop
        execute format('drop table %I', month);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

revoke execute on function archive_drop_v1(timestamptz) from public;
grant execute on function archive_drop_v1(timestamptz) to inventory_worker;
