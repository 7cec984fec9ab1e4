-- Bench's naive worker: a variant with the parts of its recipe, a row each; one row without a part where it
-- is not managed. Parameters: $1 variant id. Locks: none.
select v.variant_no, v.recipe_no, p.required, i.item_no, i.inventory_item_id, i.sku
from variant as v
left join recipe_part as p on p.recipe_no = v.recipe_no
left join inventory_item as i on i.item_no = p.item_no
where v.variant_id = $1 and v.known
order by i.item_no
