-- The database's clock. Parameters: none. Locks: none.
select clock_timestamp() as now
