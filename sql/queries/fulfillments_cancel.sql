-- Mark fulfilments as undone. Parameters: $1 order numbers, $2 fulfilment numbers, $3 seqs of the events that
-- undid them. Locks: the rows (guarded by the order).
update fulfillment as f
set canceled_seq = u.canceled_seq
from unnest($1::bigint [], $2::smallint [], $3::bigint []) as u (order_no, fulfillment_no, canceled_seq)
where f.order_no = u.order_no and f.fulfillment_no = u.fulfillment_no
