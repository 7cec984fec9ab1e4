-- Rows that name a row that is not there: what foreign keys would keep, had the hot tables any (ADR 0004).
-- Parameters: $1 how many at the most. Locks: none.
with missing as (
    select 'order_line' as child, 'orders' as parent, a.order_no::text as example
    from order_line as a left join orders as b on b.order_no = a.order_no
    where b.order_no is null
    union all
    select 'order_line', 'variant', a.variant_no::text
    from order_line as a left join variant as b on b.variant_no = a.variant_no
    where b.variant_no is null
    union all
    select 'order_line', 'recipe', a.recipe_no::text
    from order_line as a left join recipe as b on b.recipe_no = a.recipe_no
    where a.recipe_no is not null and b.recipe_no is null
    union all
    select 'reservation', 'order_line', a.order_no || ' line ' || a.line_no
    from reservation as a left join order_line as b on b.order_no = a.order_no and b.line_no = a.line_no
    where b.order_no is null
    union all
    select 'reservation', 'level', a.level_no::text
    from reservation as a left join level as b on b.level_no = a.level_no
    where b.level_no is null
    union all
    select 'hold', 'cart', a.cart_no::text
    from hold as a left join cart as b on b.cart_no = a.cart_no
    where b.cart_no is null
    union all
    select 'hold', 'level', a.level_no::text
    from hold as a left join level as b on b.level_no = a.level_no
    where b.level_no is null
    union all
    select 'movement', 'level', a.level_no::text
    from movement as a left join level as b on b.level_no = a.level_no
    where b.level_no is null
    union all
    select 'movement', 'bucket', a.bucket::text
    from movement as a left join bucket as b on b.bucket_no = a.bucket
    where b.bucket_no is null
    union all
    select 'movement', 'order_line', a.order_no || ' line ' || a.line_no
    from movement as a left join order_line as b on b.order_no = a.order_no and b.line_no = a.line_no
    left join order_archive as c on c.order_no = a.order_no
    where a.line_no is not null and b.order_no is null and c.order_no is null
    union all
    select 'fulfillment', 'orders', a.order_no::text
    from fulfillment as a left join orders as b on b.order_no = a.order_no
    where b.order_no is null
    union all
    select 'fulfillment_line', 'fulfillment', a.order_no || ' fulfillment ' || a.fulfillment_no
    from fulfillment_line as a
    left join fulfillment as b on b.order_no = a.order_no and b.fulfillment_no = a.fulfillment_no
    where b.order_no is null
    union all
    select 'fulfillment_line', 'order_line', a.order_no || ' line ' || a.line_no
    from fulfillment_line as a left join order_line as b on b.order_no = a.order_no and b.line_no = a.line_no
    where b.order_no is null
    union all
    select 'fulfillment_part', 'fulfillment', a.order_no || ' fulfillment ' || a.fulfillment_no
    from fulfillment_part as a
    left join fulfillment as b on b.order_no = a.order_no and b.fulfillment_no = a.fulfillment_no
    where b.order_no is null
    union all
    select 'fulfillment_part', 'level', a.level_no::text
    from fulfillment_part as a left join level as b on b.level_no = a.level_no
    where b.level_no is null
    union all
    select 'order_return', 'orders', a.order_no::text
    from order_return as a left join orders as b on b.order_no = a.order_no
    where b.order_no is null
    union all
    select 'order_return_line', 'order_return', a.order_no || ' return ' || a.return_no
    from order_return_line as a
    left join order_return as b on b.order_no = a.order_no and b.return_no = a.return_no
    where b.order_no is null
    union all
    select 'order_return_line', 'order_line', a.order_no || ' line ' || a.line_no
    from order_return_line as a left join order_line as b on b.order_no = a.order_no and b.line_no = a.line_no
    where b.order_no is null
    union all
    select 'order_return_part', 'order_return', a.order_no || ' return ' || a.return_no
    from order_return_part as a
    left join order_return as b on b.order_no = a.order_no and b.return_no = a.return_no
    where b.order_no is null
    union all
    select 'order_return_part', 'level', a.level_no::text
    from order_return_part as a left join level as b on b.level_no = a.level_no
    where b.level_no is null
    union all
    select 'event', 'source', a.source_no::text
    from event as a left join source as b on b.source_no = a.source_no
    where b.source_no is null
    union all
    select 'event', 'event_type', a.type::text
    from event as a left join event_type as b on b.type_no = a.type
    where b.type_no is null
    union all
    select 'event', 'outcome', a.outcome::text
    from event as a left join outcome as b on b.outcome_no = a.outcome
    where b.outcome_no is null
    union all
    select 'event', 'topic', a.topic_no::text
    from event as a left join topic as b on b.topic_no = a.topic_no
    where b.topic_no is null
    union all
    select 'event', 'orders', a.order_no::text
    from event as a left join orders as b on b.order_no = a.order_no
    where a.order_no is not null and b.order_no is null
    union all
    select 'parked', 'source', a.source_no::text
    from parked as a left join source as b on b.source_no = a.source_no
    where b.source_no is null
    union all
    select 'dead_letter', 'topic', a.topic_no::text
    from dead_letter as a left join topic as b on b.topic_no = a.topic_no
    where b.topic_no is null
)

select m.child, m.parent, m.rows, m.example, (sum(m.rows) over ())::bigint as total
from (
    select n.child, n.parent, count(*) as rows, min(n.example) as example from missing as n
    group by n.child, n.parent
) as m
order by m.child, m.parent
limit $1
