-- The schema as text, one object a row: tables with their columns and constraints, indexes, views, functions.
-- Parameters: none. Locks: none.
with relation as (
    select
        c.oid,
        c.relname::text as name,
        c.relkind,
        c.reloptions,
        case c.relkind when 'p' then pg_get_partkeydef(c.oid) end as partition_key
    from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and c.relname <> 'schema_migration'
),

member as (
    select
        a.attrelid as oid,
        1 as rank,
        a.attnum::int as place,
        format(
            '%I %s%s%s%s%s',
            a.attname,
            format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> t.typcollation then ' collate ' || quote_ident(k.collname) end,
            case when a.attnotnull then ' not null' end,
            ' default ' || pg_get_expr(d.adbin, d.adrelid),
            case a.attidentity when 'a' then ' generated always as identity' end
        ) as line
    from pg_attribute as a
    inner join pg_type as t on t.oid = a.atttypid
    left join pg_collation as k on k.oid = a.attcollation
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    select
        c.conrelid,
        2,
        row_number() over (partition by c.conrelid order by c.conname)::int,
        format('constraint %I %s', c.conname, pg_get_constraintdef(c.oid))
    from pg_constraint as c
    where c.contype <> 'n'
)

select 1 as kind, r.name, format(
    E'create table %I (\n    %s\n)%s%s;',
    r.name,
    string_agg(m.line, E',\n    ' order by m.rank, m.place),
    ' with (' || array_to_string(r.reloptions, ', ') || ')',
    ' partition by ' || r.partition_key
) as definition
from relation as r
inner join member as m on m.oid = r.oid
where r.relkind in ('r', 'p')
group by r.oid, r.name, r.reloptions, r.partition_key
union all
select 2, i.indexname::text, i.indexdef || ';'
from pg_indexes as i
where
    i.schemaname = 'public'
    and i.tablename <> 'schema_migration'
    and not exists (select from pg_constraint as c where c.conname = i.indexname)
union all
select 3, r.name, format(E'create view %I as\n%s', r.name, pg_get_viewdef(r.oid))
from relation as r
where r.relkind = 'v'
union all
select 4, p.proname::text, pg_get_functiondef(p.oid)::text || ';'
from pg_proc as p
where p.pronamespace = 'public'::regnamespace
union all
select 5, g.table_name::text || ' ' || g.privilege_type, format(
    'grant %s on %I to %I;', lower(g.privilege_type), g.table_name, g.grantee
)
from information_schema.role_table_grants as g
where g.table_schema = 'public' and g.grantee = 'inventory_worker'
order by 1, 2
