-- Hold on to the claim. No row: another worker has it. Parameters: $1 generation, $2 how long (interval).
-- Locks: the one row, for this statement only.
update availability_state
set held_until = clock_timestamp() + $2
where generation = $1
returning generation
