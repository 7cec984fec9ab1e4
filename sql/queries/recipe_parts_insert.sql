-- The parts of new recipes. Parameters: $1 recipe numbers, $2 item numbers, $3 required quantities.
-- Locks: the new rows.
insert into recipe_part (recipe_no, item_no, required)
select * from unnest($1::int [], $2::int [], $3::bigint [])
