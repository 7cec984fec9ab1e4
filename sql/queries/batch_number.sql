-- The number and time of a batch that locks nothing. Parameters: none. Locks: none.
select nextval('batch_id') as batch_id, clock_timestamp() as now
