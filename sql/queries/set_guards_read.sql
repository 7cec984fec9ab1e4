-- The last stock.set per bucket and source of these levels. Parameters: $1 level numbers. Locks: none.
select g.level_no, g.bucket, g.source, g.version, g.time
from unnest($1::int []) as u (level_no)
inner join set_guard as g on g.level_no = u.level_no
