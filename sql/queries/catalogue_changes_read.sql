-- Variants and items that changed after a version of the catalogue.
-- Parameters: $1 the version that is known. Locks: none.
select v.variant_id, null::int as item_no from variant as v
where v.catalogue_version > $1
union all
select null, i.item_no from inventory_item as i
where i.catalogue_version > $1
