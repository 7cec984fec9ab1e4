-- Values that a pass changed and nobody has told yet, as far as is known. Parameters: none. Locks: none.
select
    a.variant_no,
    a.channel_no,
    v.variant_id,
    c.sales_channel_id,
    a.available_micro,
    a.sellable_micro,
    a.version
from availability_state as s
inner join availability as a on a.pass > s.published_pass
inner join variant as v on v.variant_no = a.variant_no
inner join sales_channel as c on c.channel_no = a.channel_no
