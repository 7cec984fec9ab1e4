-- The migrations applied to this database. Parameters: none. Locks: none.
select m.number, m.name, m.checksum from schema_migration as m
order by m.number
