-- The next values in the order of their keys. Parameters: $1 and $2 after which variant and channel number,
-- $3 how many. Locks: none.
select a.variant_no, a.channel_no from availability as a
where (a.variant_no, a.channel_no) > ($1::int, $2::int)
order by a.variant_no, a.channel_no
limit $3
