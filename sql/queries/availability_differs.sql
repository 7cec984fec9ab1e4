-- Where what was told last is not what it should be, or nothing was told.
-- Parameters: $1 variant numbers, $2 channel numbers, $3 available as it should be (millionths; null: without
-- end). Locks: none.
select
    v.variant_id,
    c.sales_channel_id,
    a.version as availability_version,
    units(a.available_micro, 6::smallint) as told,
    units(u.available_micro, 6::smallint) as available
from unnest($1::int [], $2::int [], $3::bigint []) as u (variant_no, channel_no, available_micro)
inner join variant as v on v.variant_no = u.variant_no
inner join sales_channel as c on c.channel_no = u.channel_no
left join availability as a on a.variant_no = u.variant_no and a.channel_no = u.channel_no
where a.version is null or a.available_micro is distinct from u.available_micro
order by u.variant_no, u.channel_no
