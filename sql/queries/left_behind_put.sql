-- Note that orders were asked to take away what they hold at deleted locations, and could not take all.
-- Parameters: $1 order numbers, $2 location numbers, $3 the orders' revisions after that, $4 and before it.
-- Locks: the rows (guarded by their orders). What else an order had left by then stays told: the question raised its
-- revision, and nothing else has happened to it.
with asked as (
    select * from unnest($1::bigint [], $2::int [], $3::int [], $4::int [])
        as u (order_no, location_no, revision, revision_before)
),

others as (
    update left_behind as b
    set revision = a.revision
    from asked as a
    where b.order_no = a.order_no and b.revision = a.revision_before
        and not exists (
            select from asked as n where n.order_no = b.order_no and n.location_no = b.location_no
        )
)

insert into left_behind (order_no, location_no, revision)
select a.order_no, a.location_no, a.revision from asked as a
on conflict (order_no, location_no) do update set revision = excluded.revision
