-- What orders reserve of levels, without an index on the hot table: found through the ledger.
--
-- Parameters: level numbers. Locks: none (the items are locked by whoever decides on the answer).
-- Every reservation has a movement of its line on its level. So the ledger is walked from its newest entry back,
-- a piece at a time, until the reservations found make up what the level has reserved for others than carts: open orders are young,
-- and the walk is short. Where the ledger does not reach that far back, the whole table is read.
create or replace function level_reservations_v1(level_nos int [])
returns table (level_no int, order_no bigint, line_no smallint, quantity bigint)
language plpgsql stable as $$
#variable_conflict use_column
declare
    piece constant bigint := 1000;
    level_found level;
    missing bigint;
    upto bigint;
    found_orders bigint [];
    found_lines smallint [];
    found_quantities bigint [];
    new_orders bigint [];
    new_lines smallint [];
    new_quantities bigint [];
begin
    for level_found in
        select l.* from unnest(level_nos) as u (level_no) inner join level as l on l.level_no = u.level_no
    loop
        missing := level_found.reserved - coalesce(
            (select sum(h.quantity) from hold as h where h.level_no = level_found.level_no), 0
        );
        upto := level_found.version;
        found_orders := '{}';
        found_lines := '{}';
        found_quantities := '{}';
        while missing > 0 and upto > 0 loop
            select coalesce(array_agg(n.order_no), '{}'), coalesce(array_agg(n.line_no), '{}'),
                coalesce(array_agg(n.quantity), '{}'), missing - coalesce(sum(n.quantity), 0)
            into new_orders, new_lines, new_quantities, missing
            from (
                select distinct r.order_no, r.line_no, r.quantity
                from movement as m
                inner join reservation as r
                    on r.order_no = m.order_no and r.line_no = m.line_no and r.level_no = m.level_no
                left join unnest(found_orders, found_lines) as f (order_no, line_no)
                    on f.order_no = r.order_no and f.line_no = r.line_no
                where m.level_no = level_found.level_no
                    and m.version > upto - piece and m.version <= upto
                    and f.order_no is null
            ) as n;
            found_orders := found_orders || new_orders;
            found_lines := found_lines || new_lines;
            found_quantities := found_quantities || new_quantities;
            upto := upto - piece;
        end loop;
        if missing = 0 then
            return query
            select level_found.level_no, f.* from unnest(found_orders, found_lines, found_quantities) as f;
        else
            return query
            select r.level_no, r.order_no, r.line_no, r.quantity
            from reservation as r where r.level_no = level_found.level_no;
        end if;
    end loop;
end
$$;
