-- Forget carts that hold nothing and have not been heard of since before a day. Carts of orders that are still there
-- stay: nothing is held for them any more.
--
-- Parameters: the day, how many at the most. Gives how many were forgotten; 0 = none is left.
-- Locks: the carts' rows, skipping those that a batch holds.
-- Runs with its owner's rights: the worker itself may not remove carts.
create or replace function archive_carts_v1(before date, carts_max int) returns int
language plpgsql volatile security definer set search_path from current as $$
declare
    forgotten int;
begin
    delete from cart as c
    where c.cart_no in (
        select n.cart_no
        from cart as n
        where n.expires_at is null and n.touched < before
            and not exists (select from hold as h where h.cart_no = n.cart_no)
            and not exists (select from orders as o where o.order_id = n.order_id)
        order by n.cart_no
        limit carts_max
        for update of n skip locked
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;

revoke execute on function archive_carts_v1(date, int) from public;
grant execute on function archive_carts_v1(date, int) to inventory_worker;
