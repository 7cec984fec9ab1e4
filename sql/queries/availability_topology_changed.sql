-- Whether a location or a sales channel changed after a version of the catalogue.
-- Parameters: $1 the version that is counted in. Locks: none.
select exists(select from location as l where l.catalogue_version > $1)
    or exists(select from sales_channel as c where c.catalogue_version > $1) as is_changed
