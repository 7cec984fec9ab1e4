-- Let items go with their variants: nobody can name them any more, and their sku is free.
-- Parameters: $1 item numbers, $2 the catalogue version. Locks: the item rows (locked already).
update inventory_item as i
set known = false, catalogue_version = $2
from unnest($1::int []) as u (item_no)
where i.item_no = u.item_no
