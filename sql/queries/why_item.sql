-- The inventory item that a text names: by its id, else its sku, else a variant made of it alone.
-- Parameters: $1 the text. Locks: none.
select
    w.item_no,
    i.inventory_item_id,
    i.sku
from (
    select n.item_no, 1 as place from inventory_item as n
    where n.inventory_item_id = $1 and n.known
    union all
    select n.item_no, 2 from inventory_item as n
    where n.sku = $1 and n.known
    union all
    select min(p.item_no), 3
    from variant as v
    inner join recipe_part as p on p.recipe_no = v.recipe_no
    where v.variant_id = $1
    having count(*) = 1
) as w
inner join inventory_item as i on i.item_no = w.item_no
order by w.place
limit 1
