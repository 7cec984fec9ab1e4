-- How far availability is counted. No row: another worker has the claim.
-- Parameters: $1 generation, $2 how long a pause must be for the outbox to have been cleared (interval).
-- Locks: the one row, until the commit.
select
    s.pass,
    s.published_pass,
    case when s.passed_at > clock_timestamp() - $2::interval then s.batches_seen end as batches_seen,
    s.batches_drawn,
    s.finished_before,
    s.catalogue_version,
    s.variants_from
from availability_state as s
where s.generation = $1
for no key update of s
