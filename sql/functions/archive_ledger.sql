-- Move the oldest movements to the archive; what they come to opens the ledgers from then on.
--
-- Parameters: only movements of batches older than this, of how many batches at the most. Gives how many batches
-- were gone through; 0 = none is left.
-- Locks: the row of `retention` (one archiver at a time), the movements' rows (nobody else's).
-- Runs with its owner's rights: for the worker itself the ledger is append-only.
create or replace function archive_ledger_v1(before timestamptz, batches_max int) returns int
language plpgsql volatile security definer set search_path from current as $$
declare
    seq_from bigint;
    seq_to bigint;
    batch_ids bigint [];
    moments timestamptz [];
begin
    select (r.ledger_batch_id + 1) * 8192 into seq_from from retention as r for update;
    select array_agg(w.batch_id order by w.batch_id), array_agg(w.at order by w.batch_id) into batch_ids, moments
    from (
        select a.batch_id, a.at
        from (
            select n.batch_id, n.at from batch_archive as n where n.batch_id >= seq_from / 8192
            union all
            select n.batch_id, n.at from batch as n where n.batch_id >= seq_from / 8192
        ) as a
        order by a.batch_id
        limit batches_max
    ) as w
    where w.at < before;
    if batch_ids is null then
        return 0;
    end if;
    seq_to := (batch_ids[cardinality(batch_ids)] + 1) * 8192;
    perform archive_months_v1(moments);

    with gone as (
        delete from movement as m where m.event_seq >= seq_from and m.event_seq < seq_to
        returning m.*
    ),

    opened as (
        insert into ledger_opening as p (
            level_no, version, movements, stocked, reserved, incoming, damaged, quarantined, shortfall
        )
        select
            g.level_no, max(g.version), count(*),
            coalesce(sum(g.delta) filter (where g.bucket = 1), 0),
            coalesce(sum(g.delta) filter (where g.bucket = 2), 0),
            coalesce(sum(g.delta) filter (where g.bucket = 3), 0),
            coalesce(sum(g.delta) filter (where g.bucket = 4), 0),
            coalesce(sum(g.delta) filter (where g.bucket = 5), 0),
            coalesce(sum(g.delta) filter (where g.bucket = 6), 0)
        from gone as g
        group by g.level_no
        on conflict (level_no) do update set
            version = greatest(p.version, excluded.version),
            movements = p.movements + excluded.movements,
            stocked = p.stocked + excluded.stocked,
            reserved = p.reserved + excluded.reserved,
            incoming = p.incoming + excluded.incoming,
            damaged = p.damaged + excluded.damaged,
            quarantined = p.quarantined + excluded.quarantined,
            shortfall = p.shortfall + excluded.shortfall
    ),

    reserved as (
        insert into reserved_opening as p (level_no, order_no, line_no, quantity)
        select g.level_no, g.order_no, g.line_no, sum(g.delta)
        from gone as g
        where g.bucket = 2 and g.order_no is not null and g.line_no is not null
        group by g.level_no, g.order_no, g.line_no
        on conflict (level_no, order_no, line_no) do update set quantity = p.quantity + excluded.quantity
    )

    insert into movement_archive (
        at, level_no, inventory_item_id, location_id, version, event_seq, bucket, delta, order_id, line_item_id,
        cart_id
    )
    select
        coalesce(u.at, moments[1]), g.level_no, i.inventory_item_id, l.location_id, g.version, g.event_seq, b.bucket,
        units(g.delta, i.decimal_places), coalesce(o.order_id, a.order_id), ol.line_item_id, c.cart_id
    from gone as g
    inner join level as v on v.level_no = g.level_no
    inner join inventory_item as i on i.item_no = v.item_no
    inner join location as l on l.location_no = v.location_no
    inner join bucket as b on b.bucket_no = g.bucket
    left join unnest(batch_ids, moments) as u (batch_id, at) on u.batch_id = g.event_seq / 8192
    left join orders as o on o.order_no = g.order_no
    left join order_archive as a on a.order_no = g.order_no
    left join order_line as ol on ol.order_no = g.order_no and ol.line_no = g.line_no
    left join cart as c on c.cart_no = g.cart_no;

    delete from reserved_opening where quantity = 0;
    update retention set ledger_batch_id = batch_ids[cardinality(batch_ids)];
    return cardinality(batch_ids);
end
$$;

revoke execute on function archive_ledger_v1(timestamptz, int) from public;
grant execute on function archive_ledger_v1(timestamptz, int) to inventory_worker;
