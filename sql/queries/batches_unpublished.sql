-- How many batches wait to be published. Parameters: none. Locks: none.
select count(*) as batches from batch as b
where b.published_at is null
