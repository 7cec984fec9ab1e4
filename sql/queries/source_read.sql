-- The numbers of these sources. Parameters: $1 sources. Locks: none.
select s.source, s.source_no from source as s
where s.source = any($1::text [])
