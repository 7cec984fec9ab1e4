-- Whether every batch and catalogue event that can be seen is counted into what storefronts were told.
-- Parameters: none. Locks: none.
select
    s.batches_seen >= coalesce((select max(b.batch_id) from batch as b), 0)
    and s.variants_from is null
    and s.published_pass = s.pass
    and s.catalogue_version = c.catalogue_version as is_counted
from availability_state as s
cross join catalogue_state as c
