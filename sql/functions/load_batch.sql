-- Lock what a batch changes, then read it: subjects, then items, then everything they guard.
--
-- Parameters: the batch's orders, sorted by id, with the number of its events on each and what a
-- placement among them says; the items it changes (locked) and those it only reads (carts), sorted. Null for
-- a whole array means the usual: one event on each order, the first strategy, no cart.
-- Locks: orders by order_id (upsert), then inventory_item by item_no; both FOR NO KEY UPDATE.
-- Every statement below sees what was committed before it began, so what follows a lock is read under it
-- (protocol: lock, then read in a later statement). The function must stay VOLATILE for that.
create or replace function load_batch_v1(
    order_ids text [], order_events int [], placement_hashes bytea [], channel_ids text [],
    strategies smallint [], cart_ids text [],
    item_nos int [], item_nos_read int [],
    out batch_id bigint, out now timestamptz, out catalogue_version bigint,
    out order_nos bigint [], out revisions int [], out items_locked int [],
    out level_nos int [], out level_items int [], out level_locations int [],
    out stocked bigint [], out reserved bigint [], out versions bigint [],
    out detail_level_nos int [], out incoming bigint [], out damaged bigint [], out quarantined bigint [],
    out shortfall bigint [], out low_stock_thresholds bigint [], out safety_stocks bigint [],
    out backorder_limits bigint []
) language plpgsql volatile as $$
#variable_conflict use_column
declare
    existing bigint [];
    detailed boolean;
begin
    -- Subjects: creates the awaited row, locks, and numbers the answers, in one sorted pass.
    if cardinality(order_ids) > 0 then
        with subject as (
            insert into orders as o (order_id, revision, placement_hash, sales_channel_id, strategy, cart_id)
            select u.order_id, coalesce(u.events, 1), u.placement_hash, u.channel_id, coalesce(u.strategy, 0), u.cart_id
            from unnest(order_ids, order_events, placement_hashes, channel_ids, strategies, cart_ids)
                as u (order_id, events, placement_hash, channel_id, strategy, cart_id)
            order by u.order_id collate "C"
            on conflict (order_id) do update set revision = o.revision + excluded.revision,
                touched = excluded.touched
            returning o.order_no, o.order_id, o.revision
        )
        select array_agg(s.order_no order by s.order_id collate "C"),
            array_agg(s.revision order by s.order_id collate "C")
        into order_nos, revisions
        from subject as s;

        -- Orders known before this batch: the items of their frozen lines are locked as well.
        select array_agg(u.order_no) into existing
        from unnest(order_nos, revisions, order_events) as u (order_no, revision, events)
        where u.revision > coalesce(u.events, 1);
    end if;

    items_locked := item_nos;
    if existing is not null then
        select coalesce(array_agg(distinct u.item_no order by u.item_no), '{}') into items_locked
        from (
            select unnest(item_nos) as item_no
            union all
            select p.item_no
            from unnest(existing) as e (order_no)
            inner join order_line as l on l.order_no = e.order_no
            inner join recipe_part as p on p.recipe_no = l.recipe_no
        ) as u;
    end if;

    -- Items: each guards its levels at all locations, their reservations, and levels not yet made.
    if cardinality(items_locked) > 0 then
        perform i.item_no
        from unnest(items_locked) as u (item_no)
        inner join inventory_item as i on i.item_no = u.item_no
        order by i.item_no
        for no key update of i;
    end if;

    -- Read under the locks.
    select array_agg(l.level_no), array_agg(l.item_no), array_agg(l.location_no),
        array_agg(l.stocked), array_agg(l.reserved), array_agg(l.version), bool_or(has_details(l))
    into level_nos, level_items, level_locations, stocked, reserved, versions, detailed
    from unnest(items_locked || item_nos_read) as u (item_no)
    inner join level as l on l.item_no = u.item_no;

    if detailed then
        select array_agg(l.level_no), array_agg(l.incoming), array_agg(l.damaged), array_agg(l.quarantined),
            array_agg(l.shortfall), array_agg(l.low_stock_threshold), array_agg(l.safety_stock),
            array_agg(l.backorder_limit)
        into detail_level_nos, incoming, damaged, quarantined, shortfall, low_stock_thresholds, safety_stocks,
            backorder_limits
        from unnest(items_locked || item_nos_read) as u (item_no)
        inner join level as l on l.item_no = u.item_no
        where has_details(l);
    end if;

    select c.catalogue_version into catalogue_version from catalogue_state as c;
    batch_id := nextval('batch_id');
    now := clock_timestamp();
end
$$;
