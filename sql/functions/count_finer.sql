-- Count an item in more decimal places: everything that is stored in its smallest unit is multiplied, so that
-- no quantity changes. Rare: it looks through the rows of all orders.
--
-- Parameters: the item and its new decimal places; does nothing where it has as many already.
-- Locks: the item, FOR NO KEY UPDATE; it guards all that is changed here.
-- Runs with its owner's rights: the worker itself may not rewrite the ledger.
create or replace function count_finer_v1(finer_item_no int, places smallint) returns void
language plpgsql volatile security definer set search_path from current as $$
declare
    factor bigint;
begin
    select (10 ^ (places - i.decimal_places))::bigint into factor
    from inventory_item as i
    where i.item_no = finer_item_no and i.decimal_places < places
    for no key update of i;
    if factor is null then
        return;
    end if;

    update inventory_item as i
    set decimal_places = places, low_stock_threshold = i.low_stock_threshold * factor
    where i.item_no = finer_item_no;

    update level as l
    set
        stocked = l.stocked * factor, reserved = l.reserved * factor, incoming = l.incoming * factor,
        damaged = l.damaged * factor, quarantined = l.quarantined * factor, shortfall = l.shortfall * factor,
        low_stock_threshold = l.low_stock_threshold * factor, safety_stock = l.safety_stock * factor,
        backorder_limit = l.backorder_limit * factor
    where l.item_no = finer_item_no;

    update movement as m set delta = m.delta * factor
    from level as l where l.item_no = finer_item_no and m.level_no = l.level_no;

    update ledger_opening as p
    set
        stocked = p.stocked * factor, reserved = p.reserved * factor, incoming = p.incoming * factor,
        damaged = p.damaged * factor, quarantined = p.quarantined * factor, shortfall = p.shortfall * factor
    from level as l where l.item_no = finer_item_no and p.level_no = l.level_no;

    update reserved_opening as p set quantity = p.quantity * factor
    from level as l where l.item_no = finer_item_no and p.level_no = l.level_no;

    update reservation as r set quantity = r.quantity * factor
    from level as l where l.item_no = finer_item_no and r.level_no = l.level_no;

    update hold as h set quantity = h.quantity * factor
    from level as l where l.item_no = finer_item_no and h.level_no = l.level_no;

    update fulfillment_part as p set quantity = p.quantity * factor
    from level as l where l.item_no = finer_item_no and p.level_no = l.level_no;

    update order_return_part as p set quantity = p.quantity * factor
    from level as l where l.item_no = finer_item_no and p.level_no = l.level_no;

    update transfer_line as t set shipped = t.shipped * factor, received = t.received * factor
    where t.item_no = finer_item_no;

    update recipe_part as p set required = p.required * factor
    where p.item_no = finer_item_no;

    update catalogue_state as c set catalogue_version = c.catalogue_version + 1;

    update inventory_item as i set catalogue_version = c.catalogue_version
    from catalogue_state as c where i.item_no = finer_item_no;
end
$$;

revoke execute on function count_finer_v1(int, smallint) from public;
grant execute on function count_finer_v1(int, smallint) to inventory_worker;
