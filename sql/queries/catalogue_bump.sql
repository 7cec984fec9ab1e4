-- Raise the catalogue's version; the row lock makes versions visible in their order.
-- Parameters: none. Locks: the one row, until the commit.
update catalogue_state
set catalogue_version = catalogue_version + 1
returning catalogue_version
