-- Every movement of an item, by location and level version, in units: what caused it, and what was in each
-- bucket after it; also archived ones. A movement's moment is that of its event's batch.
-- Parameters: $1 item number, $2 a location's id, $3 an order's id, $4 up to when (null: all of them). The
-- balances count all movements, also those that these leave out. Locks: none.
with place as (
    select v.level_no, l.location_id, i.decimal_places
    from level as v
    inner join inventory_item as i on i.item_no = v.item_no
    inner join location as l on l.location_no = v.location_no
    where v.item_no = $1 and ($2::text is null or l.location_id = $2)
),

moved as (
    select
        m.level_no,
        m.version,
        units(m.delta, p.decimal_places) as delta,
        b.bucket,
        m.event_seq,
        coalesce(e.at, a.at, x.at, y.at) as at,
        coalesce(e.event_id, x.event_id) as event_id,
        coalesce(s.source, x.source) as source,
        coalesce(t.type, x.type) as type,
        coalesce(o.order_id, f.order_id) as order_id,
        coalesce(ol.line_item_id, f.line_item_id) as line_item_id,
        c.cart_id
    from place as p
    inner join movement as m on m.level_no = p.level_no
    inner join bucket as b on b.bucket_no = m.bucket
    left join event as e on e.seq = m.event_seq
    left join source as s on s.source_no = e.source_no
    left join event_type as t on t.type_no = e.type
    left join batch as a on a.batch_id = m.event_seq / 8192
    left join orders as o on o.order_no = m.order_no
    left join order_line as ol on ol.order_no = m.order_no and ol.line_no = m.line_no
    left join cart as c on c.cart_no = m.cart_no
    left join event_archive as x on x.seq = m.event_seq and e.event_id is null
    left join batch_archive as y on y.batch_id = m.event_seq / 8192 and a.batch_id is null
    left join lateral (
        select n.order_id, w.line ->> 'line_item_id' as line_item_id
        from order_archive as n
        left join lateral jsonb_array_elements(n.document -> 'lines') as w (line)
            on (w.line ->> 'line_no')::int = m.line_no
        where n.order_no = m.order_no and o.order_no is null
        limit 1
    ) as f on true
    union all
    select
        m.level_no, m.version, m.delta, m.bucket, m.event_seq, m.at, coalesce(x.event_id, e.event_id),
        coalesce(x.source, e.source), coalesce(x.type, e.type), m.order_id, m.line_item_id,
        m.cart_id
    from place as p
    inner join movement_archive as m on m.level_no = p.level_no
    left join event_archive as x on x.seq = m.event_seq
    left join v_event as e on e.event_seq = m.event_seq and x.event_id is null
),

-- What was there before the first movement that is still known: archived months may have been dropped.
base as (
    select
        p.level_no,
        units(n.stocked, p.decimal_places) - coalesce(a.stocked, 0) as stocked,
        units(n.reserved, p.decimal_places) - coalesce(a.reserved, 0) as reserved,
        units(n.incoming, p.decimal_places) - coalesce(a.incoming, 0) as incoming,
        units(n.damaged, p.decimal_places) - coalesce(a.damaged, 0) as damaged,
        units(n.quarantined, p.decimal_places) - coalesce(a.quarantined, 0) as quarantined,
        units(n.shortfall, p.decimal_places) - coalesce(a.shortfall, 0) as shortfall
    from place as p
    inner join ledger_opening as n on n.level_no = p.level_no
    cross join lateral (
        select
            sum(m.delta) filter (where m.bucket = 'stocked') as stocked,
            sum(m.delta) filter (where m.bucket = 'reserved') as reserved,
            sum(m.delta) filter (where m.bucket = 'incoming') as incoming,
            sum(m.delta) filter (where m.bucket = 'damaged') as damaged,
            sum(m.delta) filter (where m.bucket = 'quarantined') as quarantined,
            sum(m.delta) filter (where m.bucket = 'shortfall') as shortfall
        from movement_archive as m
        where m.level_no = p.level_no
    ) as a
),

told as (
    select
        p.location_id,
        m.*,
        coalesce(b.stocked, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'stocked') over before, 0) as stocked,
        coalesce(b.reserved, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'reserved') over before, 0)
            as reserved,
        coalesce(b.incoming, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'incoming') over before, 0)
            as incoming,
        coalesce(b.damaged, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'damaged') over before, 0) as damaged,
        coalesce(b.quarantined, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'quarantined') over before, 0)
            as quarantined,
        coalesce(b.shortfall, 0) + coalesce(sum(m.delta) filter (where m.bucket = 'shortfall') over before, 0)
            as shortfall
    from moved as m
    inner join place as p on p.level_no = m.level_no
    left join base as b on b.level_no = m.level_no
    window before as (partition by m.level_no order by m.version)
)

select
    w.location_id,
    w.version as level_version,
    w.at,
    w.event_id,
    w.source,
    w.type,
    w.order_id,
    w.line_item_id,
    w.cart_id,
    w.bucket,
    trim_scale(w.delta) as delta,
    trim_scale(w.stocked) as stocked,
    trim_scale(w.reserved) as reserved,
    trim_scale(w.stocked - w.reserved) as available,
    trim_scale(w.incoming) as incoming,
    trim_scale(w.damaged) as damaged,
    trim_scale(w.quarantined) as quarantined,
    trim_scale(w.shortfall) as shortfall
from told as w
where ($3::text is null or w.order_id = $3) and ($4::timestamptz is null or w.at <= $4)
order by w.location_id, w.version
