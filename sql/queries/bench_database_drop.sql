-- The statement that drops a tool's own database. Not by force: that may not end an autovacuum which happens
-- to be there, where the plain form does, and waits some seconds for sessions that are about to end.
-- Parameters: $1 its name. Locks: none.
select format('drop database if exists %I', $1::text) as statement
