-- Whether items of deleted variants may have to go. Parameters: none. Locks: none.
select exists (select from variant as v where v.deleted and v.recipe_no is not null)
