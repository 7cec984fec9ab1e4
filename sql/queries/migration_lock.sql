-- One migration run at a time. Parameters: $1 lock key. Locks: an advisory lock, for the session.
select pg_advisory_lock($1)
