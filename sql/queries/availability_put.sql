-- Keep values that are not what was told last; gives the rows that changed.
-- Parameters: $1 variant numbers, $2 channel numbers, $3 available, $4 sellable (millionths; null: without end),
-- $5 pass. Locks: the rows that change; the caller holds the claim's row, so nobody else is at it.
insert into availability as a (variant_no, channel_no, available_micro, sellable_micro, version, pass)
select u.variant_no, u.channel_no, u.available_micro, u.sellable_micro, 1, $5
from unnest($1::int [], $2::int [], $3::bigint [], $4::bigint [])
    as u (variant_no, channel_no, available_micro, sellable_micro)
left join availability as t on t.variant_no = u.variant_no and t.channel_no = u.channel_no
where t.variant_no is null
    or (t.available_micro, t.sellable_micro) is distinct from (u.available_micro, u.sellable_micro)
order by u.variant_no, u.channel_no
on conflict (variant_no, channel_no) do update set
    available_micro = excluded.available_micro,
    sellable_micro = excluded.sellable_micro,
    version = a.version + 1,
    pass = excluded.pass
returning a.variant_no, a.channel_no, a.available_micro, a.sellable_micro, a.version
