-- Values for storefronts that nobody published although the claim to do so ran out long ago: another worker
-- should have taken it over. Parameters: $1 how many at the most. Locks: none.
select
    v.variant_id,
    c.sales_channel_id,
    a.version as availability_version,
    s.holder as worker,
    s.held_until as claimed_until,
    count(*) over () as total
from availability_state as s
inner join availability as a on a.pass > s.published_pass
inner join variant as v on v.variant_no = a.variant_no
inner join sales_channel as c on c.channel_no = a.channel_no
where s.held_until < clock_timestamp() - interval '1 minute'
order by a.variant_no, a.channel_no
limit $1
