-- Create rows for items that a catalogue event of this batch may make; existing ones stay as they are
-- (load_batch locks them all, by number). Parameters: $1 item ids, sorted. Locks: new keys in that order.
insert into inventory_item (inventory_item_id)
select u.id from unnest($1::text []) as u (id)
order by u.id collate "C"
on conflict (inventory_item_id) do nothing
