-- Move finished orders to the archive: nothing is held for them, nothing waits for them, and nothing has happened to
-- them since before a day.
--
-- Parameters: only orders untouched since before this day, how many to look at. Gives how many were looked at and how
-- many moved; none looked at = all have been, and the next call starts anew with the oldest.
-- Locks: the row of `retention` (one archiver at a time), the orders' rows, skipping those that a batch holds.
-- Runs with its owner's rights: the worker itself may not remove orders.
create or replace function archive_orders_v1(before date, orders_max int, out looked int, out moved int)
language plpgsql volatile security definer set search_path from current as $$
declare
    seen bigint [];
    finished bigint [];
begin
    perform from retention as r for update;
    select array_agg(w.order_no) into seen
    from (
        select o.order_no from orders as o
        where o.order_no > (select r.orders_order_no from retention as r)
        order by o.order_no
        limit orders_max
    ) as w;
    looked := coalesce(cardinality(seen), 0);
    moved := 0;
    update retention set orders_order_no = coalesce(seen[looked], 0);
    if looked = 0 then
        return;
    end if;

    -- Lock, then read in a later statement: a batch may have reserved for one of them meanwhile.
    perform from orders as o
    where o.order_no = any(seen) and o.touched < before
    order by o.order_no
    for update skip locked;
    select array_agg(w.order_no) into finished
    from (
        select o.order_no from orders as o
        where o.order_no = any(seen) and o.touched < before
            and not exists (select from reservation as r where r.order_no = o.order_no)
            and not exists (select from parked as p where p.order_no = o.order_no)
        for update skip locked
    ) as w;
    if finished is null then
        return;
    end if;
    perform archive_months_v1(
        array(select o.touched::timestamp at time zone 'UTC' from orders as o where o.order_no = any(finished))
    );

    insert into order_archive (at, order_no, order_id, document)
    select
        o.touched::timestamp at time zone 'UTC',
        o.order_no,
        o.order_id,
        jsonb_build_object(
            'order', to_jsonb(o),
            'lines', (
                select jsonb_agg(to_jsonb(l) || jsonb_build_object('variant_id', v.variant_id))
                from order_line as l
                left join variant as v on v.variant_no = l.variant_no
                where l.order_no = o.order_no
            ),
            'fulfillments', (
                select jsonb_agg(to_jsonb(f) || jsonb_build_object('lines', (
                    select jsonb_agg(to_jsonb(l)) from fulfillment_line as l
                    where l.order_no = f.order_no and l.fulfillment_no = f.fulfillment_no
                ), 'parts', (
                    select jsonb_agg(to_jsonb(p)) from fulfillment_part as p
                    where p.order_no = f.order_no and p.fulfillment_no = f.fulfillment_no
                )))
                from fulfillment as f where f.order_no = o.order_no
            ),
            'returns', (
                select jsonb_agg(to_jsonb(r) || jsonb_build_object('lines', (
                    select jsonb_agg(to_jsonb(l)) from order_return_line as l
                    where l.order_no = r.order_no and l.return_no = r.return_no
                ), 'parts', (
                    select jsonb_agg(to_jsonb(p)) from order_return_part as p
                    where p.order_no = r.order_no and p.return_no = r.return_no
                )))
                from order_return as r where r.order_no = o.order_no
            )
        )
    from orders as o
    where o.order_no = any(finished);

    delete from left_behind where order_no = any(finished);
    delete from order_return_part where order_no = any(finished);
    delete from order_return_line where order_no = any(finished);
    delete from order_return where order_no = any(finished);
    delete from fulfillment_part where order_no = any(finished);
    delete from fulfillment_line where order_no = any(finished);
    delete from fulfillment where order_no = any(finished);
    delete from order_line where order_no = any(finished);
    delete from orders where order_no = any(finished);
    moved := cardinality(finished);
end
$$;

revoke execute on function archive_orders_v1(date, int) from public;
grant execute on function archive_orders_v1(date, int) to inventory_worker;
