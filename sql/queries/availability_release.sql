-- Give the claim up, so that another worker need not wait for its end. Parameters: $1 generation.
-- Locks: the one row, for this statement only.
update availability_state
set held_until = '-infinity'
where generation = $1
