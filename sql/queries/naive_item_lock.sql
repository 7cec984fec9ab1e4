-- Bench's naive worker: lock an item, which guards its levels. Parameters: $1 item number.
-- Locks: its row; the caller goes through items in the order of their numbers.
select i.item_no from inventory_item as i
where i.item_no = $1
for no key update
