-- Create levels; the item locks make sure that nobody else does. Their quantities follow with levels_update.
-- Parameters: $1 item numbers, $2 location numbers. Locks: the new rows.
insert into level (item_no, location_no)
select * from unnest($1::int [], $2::int [])
returning item_no, location_no, level_no
