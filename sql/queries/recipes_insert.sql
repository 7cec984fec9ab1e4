-- Make new recipes. Parameters: $1 variant numbers, one for each recipe.
-- Locks: the new rows. Gives one row per recipe.
insert into recipe (variant_no)
select unnest($1::int [])
returning variant_no, recipe_no
