-- The statement that drops a measurement's database, whoever is still connected to it.
-- Parameters: $1 its name. Locks: none.
select format('drop database if exists %I with (force)', $1::text) as statement
