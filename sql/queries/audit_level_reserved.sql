-- Levels whose reserved quantity is not the sum of their reservations, in units.
-- Parameters: $1 how many at the most. Locks: none.
select
    i.inventory_item_id,
    l.location_id,
    v.reserved / scale.f as level,
    coalesce(r.quantity, 0) / scale.f as reservations,
    count(*) over () as total
from level as v
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
cross join lateral (select trim_scale(power(10::numeric, i.decimal_places)) as f) as scale
left join (
    select n.level_no, sum(n.quantity) as quantity from v_held as n
    group by n.level_no
) as r on r.level_no = v.level_no
where v.reserved <> coalesce(r.quantity, 0)
order by i.inventory_item_id, l.location_id
limit $1
