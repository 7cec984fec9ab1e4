-- The newest movements of a level that are not archived, newest first, with what was in each bucket after it, in
-- units. Parameters: $1 item's id, $2 location's id, $3 how many. Locks: none.
select
    w.version,
    w.event_seq,
    units(w.stocked, w.decimal_places) as stocked,
    units(w.reserved, w.decimal_places) as reserved,
    units(w.incoming, w.decimal_places) as incoming,
    units(w.damaged, w.decimal_places) as damaged,
    units(w.quarantined, w.decimal_places) as quarantined,
    units(w.shortfall, w.decimal_places) as shortfall
from (
    select
        v.decimal_places,
        m.version,
        m.event_seq,
        (coalesce(p.stocked, 0) + coalesce(sum(m.delta) filter (where m.bucket = 1) over before, 0))::bigint as stocked,
        (coalesce(p.reserved, 0) + coalesce(sum(m.delta) filter (where m.bucket = 2) over before, 0))::bigint
            as reserved,
        (coalesce(p.incoming, 0) + coalesce(sum(m.delta) filter (where m.bucket = 3) over before, 0))::bigint
            as incoming,
        (coalesce(p.damaged, 0) + coalesce(sum(m.delta) filter (where m.bucket = 4) over before, 0))::bigint as damaged,
        (coalesce(p.quarantined, 0) + coalesce(sum(m.delta) filter (where m.bucket = 5) over before, 0))::bigint
            as quarantined,
        (coalesce(p.shortfall, 0) + coalesce(sum(m.delta) filter (where m.bucket = 6) over before, 0))::bigint
            as shortfall
    from v_level as v
    inner join movement as m on m.level_no = v.level_no
    left join ledger_opening as p on p.level_no = v.level_no
    where v.inventory_item_id = $1 and v.location_id = $2
    window before as (order by m.version)
) as w
order by w.version desc
limit $3
