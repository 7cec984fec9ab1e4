-- The statement that makes a database of a tool's own, its names quoted.
-- Parameters: $1 its name, $2 the name of the one it copies. Locks: none.
select format('create database %I template %I', $1::text, $2::text) as statement
