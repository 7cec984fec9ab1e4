-- Whether a hold or the deadline of a parked event is due by a moment. Parameters: $1 the moment. Locks: none.
select
    exists (select from cart as c where c.expires_at < $1)
    or exists (select from parked as p where p.until < $1) as is_due
