-- Remember the last stock.set of levels. Parameters: $1 level numbers, $2 buckets, $3 sources, $4 versions,
-- $5 times. Locks: the guard rows (guarded by their items).
insert into set_guard (level_no, bucket, source, version, time)
select * from unnest($1::int [], $2::text [], $3::text [], $4::bigint [], $5::timestamptz [])
on conflict (level_no, bucket, source) do update set version = excluded.version, time = excluded.time
