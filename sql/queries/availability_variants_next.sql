-- The next variants in the order of their numbers. Parameters: $1 after which number, $2 how many. Locks: none.
select v.variant_no, v.variant_id from variant as v
where v.variant_no > $1
order by v.variant_no
limit $2
