-- Deleted variants whose own item may go by now: nothing of it is reserved, and no other variant is made of it.
-- `generation` tells one such moment from the next. Parameters: $1 how many at the most. Locks: none.
-- `offset 0`: each deleted variant is looked up by itself. Kits and shared items stay for ever, and joined as sets they
-- took seconds: most variants are not deleted, which the planner does not know of those that share an item.
select v.variant_id, coalesce(sum(l.version), 0)::bigint as generation
from variant as v
inner join recipe_part as p on p.recipe_no = v.recipe_no
left join level as l on l.item_no = p.item_no
where v.deleted
    and v.recipe_no is not null
    and not exists (
        select from recipe_part as o where o.recipe_no = v.recipe_no and o.item_no <> p.item_no offset 0
    )
    and not exists (
        select from recipe_part as o
        inner join recipe as r on r.recipe_no = o.recipe_no
        inner join variant as w on w.variant_no = r.variant_no and w.recipe_no = r.recipe_no
        where o.item_no = p.item_no and w.known and not w.deleted
        offset 0
    )
group by v.variant_no, v.variant_id
having coalesce(sum(l.reserved), 0) = 0
order by v.variant_no
limit $1
