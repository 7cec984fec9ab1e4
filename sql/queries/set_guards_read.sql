-- The last stock.set per bucket and source of these levels. Parameters: $1 level numbers. Locks: none.
select g.level_no, g.bucket, g.source, g.version, g.time from set_guard as g
where g.level_no = any($1::int [])
