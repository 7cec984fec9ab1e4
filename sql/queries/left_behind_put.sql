-- Note that orders were asked to take away what they hold at deleted locations, and could not take all.
-- Parameters: $1 order numbers, $2 location numbers, $3 the orders' revisions after that.
-- Locks: the rows (guarded by their orders).
insert into left_behind (order_no, location_no, revision)
select * from unnest($1::bigint [], $2::int [], $3::int [])
on conflict (order_no, location_no) do update set revision = excluded.revision
