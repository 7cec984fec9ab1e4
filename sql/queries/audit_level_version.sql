-- Levels whose ledger does not hold every version from 1 to theirs once (the key keeps any from being twice).
-- Versions that an earlier repair noted as lost count as held, archived ones by their number.
-- Parameters: $1 how many at the most. Locks: none.
select
    i.inventory_item_id,
    l.location_id,
    v.version as level_version,
    coalesce(p.movements, 0) + coalesce(m.movements, 0) as movements,
    m.version_first,
    greatest(m.version_last, p.version) as version_last,
    count(*) over () as total
from level as v
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
left join ledger_opening as p on p.level_no = v.level_no
left join (
    select n.level_no, count(*) as movements, min(n.version) as version_first, max(n.version) as version_last
    from (
        select a.level_no, a.version from movement as a
        union all
        select b.level_no, b.version from ledger_gap as b
    ) as n
    group by n.level_no
) as m on m.level_no = v.level_no
where v.version <> coalesce(p.movements, 0) + coalesce(m.movements, 0)
    or v.version <> coalesce(greatest(m.version_last, p.version), 0)
    or coalesce(m.version_first, 1) < 1
order by i.inventory_item_id, l.location_id
limit $1
