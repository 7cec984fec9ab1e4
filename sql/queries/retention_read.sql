-- How far back the inbox remembers, and when that was announced. Parameters: none. Locks: none.
select r.inbox_horizon, r.announced_at, clock_timestamp() as now from retention as r
