-- Order lines that reserve something else of these levels than the ledger says, in smallest units.
-- Parameters: $1 level numbers. Locks: none (the items are locked). Reads whole ledgers: for repairs only.
select r.level_no, r.order_no, r.line_no, r.ledger::bigint as ledger, r.held::bigint as held
from v_reserved_by_line as r
where r.level_no = any($1::int []) and r.ledger <> r.held
order by r.level_no, r.order_no, r.line_no
