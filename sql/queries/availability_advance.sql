-- Note how far a pass has come, and hold on to the claim. With nothing to be told, all is published.
-- Parameters: $1 generation, $2 pass, $3 batches seen, $4 batches drawn, $5 finished before, $6 catalogue version,
-- $7 after which variant to count anew, $8 is there anything to be told?, $9 how long the claim lasts (interval).
-- Locks: the one row, until the commit.
update availability_state
set
    pass = $2,
    published_pass = case when $8::boolean then published_pass else $2 end,
    batches_seen = $3,
    batches_drawn = $4,
    finished_before = $5,
    catalogue_version = $6,
    variants_from = $7,
    passed_at = clock_timestamp(),
    held_until = clock_timestamp() + $9
where generation = $1
