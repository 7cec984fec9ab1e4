-- Set what was sent and received of items. Parameters: $1 transfer numbers, $2 item numbers, $3 units sent,
-- $4 units received. Locks: the rows (guarded by their transfers).
insert into transfer_line (transfer_no, item_no, shipped, received)
select * from unnest($1::bigint [], $2::int [], $3::bigint [], $4::bigint [])
on conflict (transfer_no, item_no) do update set received = excluded.received
