-- How long a migration waits for a table that running workers hold, before it gives up and can be run again.
-- Parameters: none. Locks: none.
set local lock_timeout = '30s'
