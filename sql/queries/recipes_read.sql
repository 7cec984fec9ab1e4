-- The parts of these recipes, with their items. Parameters: $1 recipe numbers. Locks: none (never updated).
select
    p.recipe_no,
    p.required,
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from unnest($1::int []) as u (recipe_no)
inner join recipe_part as p on p.recipe_no = u.recipe_no
inner join inventory_item as i on i.item_no = p.item_no
order by p.recipe_no, p.item_no
