-- What the ledger and the reservations say of these levels, in smallest units: the sum of each bucket's
-- movements, what is held, the newest version, and versions without a movement.
-- Parameters: $1 level numbers. Locks: none (the items are locked). Reads whole ledgers: for repairs only.
select
    v.level_no,
    coalesce(m.stocked, 0)::bigint as stocked,
    coalesce(m.reserved, 0)::bigint as reserved,
    coalesce(m.incoming, 0)::bigint as incoming,
    coalesce(m.damaged, 0)::bigint as damaged,
    coalesce(m.quarantined, 0)::bigint as quarantined,
    coalesce(m.shortfall, 0)::bigint as shortfall,
    coalesce(h.held, 0)::bigint as held,
    w.version_last,
    array(
        select g.version from generate_series(coalesce(w.version_archived, 0) + 1, w.version_last) as g (version)
        where not exists (select from movement as n where n.level_no = v.level_no and n.version = g.version)
            and not exists (select from ledger_gap as n where n.level_no = v.level_no and n.version = g.version)
        order by g.version
    ) as versions_lost,
    (
        select count(*) from reservation as n
        where n.level_no = v.level_no
            and not exists (
                select from order_line as o where o.order_no = n.order_no and o.line_no = n.line_no
            )
    ) + (
        select count(*) from hold as n
        where n.level_no = v.level_no and not exists (select from cart as c where c.cart_no = n.cart_no)
    ) as orphans
from unnest($1::int []) as u (level_no)
inner join level as v on v.level_no = u.level_no
cross join lateral (
    select
        (select p.version from ledger_opening as p where p.level_no = v.level_no) as version_archived,
        greatest(
            v.version,
            (select max(n.version) from movement as n where n.level_no = v.level_no),
            (select p.version from ledger_opening as p where p.level_no = v.level_no)
        ) as version_last
) as w
cross join lateral (
    select
        sum(n.quantity) filter (where n.bucket = 1) as stocked,
        sum(n.quantity) filter (where n.bucket = 2) as reserved,
        sum(n.quantity) filter (where n.bucket = 3) as incoming,
        sum(n.quantity) filter (where n.bucket = 4) as damaged,
        sum(n.quantity) filter (where n.bucket = 5) as quarantined,
        sum(n.quantity) filter (where n.bucket = 6) as shortfall
    from v_ledger as n
    where n.level_no = v.level_no
) as m
cross join lateral (select sum(n.quantity) as held from v_held as n where n.level_no = v.level_no) as h
