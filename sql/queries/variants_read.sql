-- Known variants with the parts of their present recipe. Parameters: $1 variant ids. Locks: none.
select
    v.variant_no,
    v.variant_id,
    v.sku,
    v.allow_backorder,
    v.backorder_limit,
    v.ship_date,
    v.recipe_no,
    v.content_hash,
    v.deleted,
    v.guard_version,
    v.guard_source,
    v.guard_time
from unnest($1::text []) as u (variant_id)
inner join variant as v on v.variant_id = u.variant_id
where v.known
