-- The sources behind these numbers. Parameters: $1 source numbers. Locks: none.
select s.source, s.source_no from source as s
where s.source_no = any($1::int [])
