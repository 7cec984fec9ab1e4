-- The catalogue's version and the clock, read after the levels that are counted by it.
-- Parameters: none. Locks: none.
select s.catalogue_version, clock_timestamp() as now from catalogue_state as s
