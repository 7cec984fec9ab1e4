-- Announce that records older than a moment are not taken any more, where there are answers older than that.
-- Parameters: $1 the moment. Locks: the row.
update retention as r
set inbox_horizon = greatest(r.inbox_horizon, $1), announced_at = clock_timestamp()
where (select b.at from batch as b order by b.batch_id limit 1) < $1
    and (r.inbox_horizon is null or r.inbox_horizon < $1)
