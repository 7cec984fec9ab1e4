-- Every movement of an item, by location and level version, in units: what caused it, and what was in each
-- bucket after it. A movement's moment is that of its event's batch.
-- Parameters: $1 item number, $2 a location's id, $3 an order's id, $4 up to when (null: all of them). The
-- balances count all movements, also those that these leave out. Locks: none.
select
    w.location_id,
    w.level_version,
    w.at,
    w.event_id,
    w.source,
    w.type,
    w.order_id,
    w.line_item_id,
    w.bucket,
    units(w.delta, w.decimal_places) as delta,
    units(w.stocked, w.decimal_places) as stocked,
    units(w.reserved, w.decimal_places) as reserved,
    units(w.stocked - w.reserved, w.decimal_places) as available,
    units(w.incoming, w.decimal_places) as incoming,
    units(w.damaged, w.decimal_places) as damaged,
    units(w.quarantined, w.decimal_places) as quarantined,
    units(w.shortfall, w.decimal_places) as shortfall
from (
    select
        l.location_id,
        i.decimal_places,
        m.version as level_version,
        m.level_no,
        m.delta,
        b.bucket,
        coalesce(e.at, a.at) as at,
        e.event_id,
        s.source,
        t.type,
        o.order_id,
        ol.line_item_id,
        coalesce(sum(m.delta) filter (where m.bucket = 1) over before, 0)::bigint as stocked,
        coalesce(sum(m.delta) filter (where m.bucket = 2) over before, 0)::bigint as reserved,
        coalesce(sum(m.delta) filter (where m.bucket = 3) over before, 0)::bigint as incoming,
        coalesce(sum(m.delta) filter (where m.bucket = 4) over before, 0)::bigint as damaged,
        coalesce(sum(m.delta) filter (where m.bucket = 5) over before, 0)::bigint as quarantined,
        coalesce(sum(m.delta) filter (where m.bucket = 6) over before, 0)::bigint as shortfall
    from level as v
    inner join inventory_item as i on i.item_no = v.item_no
    inner join location as l on l.location_no = v.location_no
    inner join movement as m on m.level_no = v.level_no
    inner join bucket as b on b.bucket_no = m.bucket
    left join event as e on e.seq = m.event_seq
    left join source as s on s.source_no = e.source_no
    left join event_type as t on t.type_no = e.type
    left join batch as a on a.batch_id = m.event_seq / 8192
    left join orders as o on o.order_no = m.order_no
    left join order_line as ol on ol.order_no = m.order_no and ol.line_no = m.line_no
    where v.item_no = $1 and ($2::text is null or l.location_id = $2)
    window before as (partition by m.level_no order by m.version)
) as w
where ($3::text is null or w.order_id = $3) and ($4::timestamptz is null or w.at <= $4)
order by w.location_id, w.level_version
