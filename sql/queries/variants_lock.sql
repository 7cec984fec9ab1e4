-- Create where absent and lock the rows that catalogue events of this batch are about.
-- Parameters: $1 ids, sorted. Locks: variant rows in that order, FOR NO KEY UPDATE.
insert into variant as t (variant_id)
select u.id from unnest($1::text []) as u (id)
order by u.id collate "C"
on conflict (variant_id) do update set known = t.known
returning t.variant_id as id, t.variant_no as no
