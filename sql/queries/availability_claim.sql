-- Become the one worker that counts and publishes availability, where nobody is or its claim ran out.
-- Everything is counted anew then: this worker may have other settings than the one before.
-- Parameters: $1 worker, $2 how long the claim lasts (interval). Locks: the one row, for this statement only.
update availability_state
set holder = $1, generation = generation + 1, held_until = clock_timestamp() + $2, variants_from = 0
where held_until < clock_timestamp()
returning generation
