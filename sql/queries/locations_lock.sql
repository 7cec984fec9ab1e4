-- Create where absent and lock the rows that catalogue events of this batch are about.
-- Parameters: $1 ids, sorted. Locks: location rows in that order, FOR NO KEY UPDATE.
insert into location as t (location_id)
select u.id from unnest($1::text []) as u (id)
order by u.id collate "C"
on conflict (location_id) do update set known = t.known
returning t.location_id as id, t.location_no as no
