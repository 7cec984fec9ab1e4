-- All known sales channels. Parameters: none. Locks: none.
select
    c.channel_no,
    c.sales_channel_id,
    c.location_ids,
    c.guard_version,
    c.guard_source,
    c.guard_time
from sales_channel as c
where c.known
