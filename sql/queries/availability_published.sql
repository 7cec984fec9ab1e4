-- All that was changed up to a pass is on Kafka. No row: another worker has the claim.
-- Parameters: $1 generation, $2 how long the claim lasts from now on (interval), $3 pass. Locks: the one row.
update availability_state
set published_pass = $3, held_until = clock_timestamp() + $2
where generation = $1
returning generation
