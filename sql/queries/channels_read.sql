-- All known sales channels. Parameters: none. Locks: none.
select
    c.channel_no,
    c.sales_channel_id,
    c.location_ids,
    c.safety_stock_micro,
    c.low_stock_micro,
    c.guard_version,
    c.guard_source,
    c.guard_time
from sales_channel as c
where c.known
