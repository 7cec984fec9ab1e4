-- Values that have moved on past the versions just published.
-- Parameters: $1 variant numbers, $2 channel numbers, $3 versions. Locks: none.
select
    a.variant_no,
    a.channel_no,
    v.variant_id,
    c.sales_channel_id,
    a.available_micro,
    a.sellable_micro,
    a.version
from unnest($1::int [], $2::int [], $3::bigint []) as u (variant_no, channel_no, version)
inner join availability as a
    on a.variant_no = u.variant_no and a.channel_no = u.channel_no and a.version > u.version
inner join variant as v on v.variant_no = a.variant_no
inner join sales_channel as c on c.channel_no = a.channel_no
