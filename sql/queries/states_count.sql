-- How many levels and availabilities have been told. Parameters: none. Locks: none.
select
    (select count(*) from level as l where l.version > 0) as levels,
    (select count(*) from availability) as availabilities
