-- Set the thresholds of levels. Parameters: $1 level numbers, $2 low stock thresholds, $3 safety stocks,
-- $4 backorder limits (null = none). Locks: the level rows (guarded by their items).
update level as l
set
    low_stock_threshold = u.low_stock_threshold,
    safety_stock = u.safety_stock,
    backorder_limit = u.backorder_limit
from unnest($1::int [], $2::bigint [], $3::bigint [], $4::bigint [])
    as u (level_no, low_stock_threshold, safety_stock, backorder_limit)
where l.level_no = u.level_no
