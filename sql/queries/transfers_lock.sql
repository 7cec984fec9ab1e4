-- Create where absent and lock the transfers that events of this batch are about; gives what their rows say.
-- Parameters: $1 ids, sorted. Locks: transfer rows in that order, FOR NO KEY UPDATE.
insert into transfer as t (transfer_id)
select u.id from unnest($1::text []) as u (id)
order by u.id collate "C"
on conflict (transfer_id) do update set closed = t.closed
returning t.transfer_no, t.transfer_id, t.body_hash, t.from_location_no, t.to_location_no, t.closed
