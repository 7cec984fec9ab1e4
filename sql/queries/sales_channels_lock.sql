-- Create where absent and lock the rows that catalogue events of this batch are about.
-- Parameters: $1 ids, sorted. Locks: sales_channel rows in that order, FOR NO KEY UPDATE.
insert into sales_channel as t (sales_channel_id)
select u.id from unnest($1::text []) as u (id)
order by u.id collate "C"
on conflict (sales_channel_id) do update set known = t.known
returning t.sales_channel_id as id, t.channel_no as no
