-- Which variants are made of the items of these variants, by their present recipes.
-- Parameters: $1 variant ids. Locks: none (the items are locked).
select distinct p.item_no, o.variant_id
from unnest($1::text []) as u (variant_id)
inner join variant as v on v.variant_id = u.variant_id
inner join recipe_part as own on own.recipe_no = v.recipe_no
inner join recipe_part as p on p.item_no = own.item_no
inner join recipe as r on r.recipe_no = p.recipe_no
inner join variant as o on o.variant_no = r.variant_no and o.recipe_no = r.recipe_no
where o.known and not o.deleted
