-- The catalogue's version. Parameters: none. Locks: none.
select s.catalogue_version from catalogue_state as s
