-- The variants whose present recipe takes one of these items. Parameters: $1 item ids, $2 item numbers.
-- Locks: none.
select distinct v.variant_id
from (
    select i.item_no
    from unnest($1::text []) as u (inventory_item_id)
    inner join inventory_item as i on i.inventory_item_id = u.inventory_item_id
    union
    select unnest($2::int [])
) as i
inner join recipe_part as p on p.item_no = i.item_no
inner join recipe as r on r.recipe_no = p.recipe_no
inner join variant as v on v.variant_no = r.variant_no and v.recipe_no = r.recipe_no
where v.known
