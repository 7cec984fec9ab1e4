-- Buckets of levels that are not the sum of their movements, in units. Parameters: $1 how many at the most.
-- Locks: none.
select
    i.inventory_item_id,
    l.location_id,
    b.bucket,
    w.quantity / scale.f as level,
    coalesce(m.quantity, 0) / scale.f as ledger,
    count(*) over () as total
from level as v
cross join lateral (values
    (1, v.stocked), (2, v.reserved), (3, v.incoming), (4, v.damaged), (5, v.quarantined), (6, v.shortfall)
) as w (bucket_no, quantity)
inner join bucket as b on b.bucket_no = w.bucket_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
cross join lateral (select trim_scale(power(10::numeric, i.decimal_places)) as f) as scale
left join v_ledger as m on m.level_no = v.level_no and m.bucket = w.bucket_no
where w.quantity <> coalesce(m.quantity, 0)
order by i.inventory_item_id, l.location_id, w.bucket_no
limit $1
