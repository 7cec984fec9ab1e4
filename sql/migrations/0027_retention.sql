-- Retention: what is old leaves the hot tables in small steps. Answers, inbox rows and movements go to archives by
-- month, which carry texts and can be read, copied or dropped by themselves; finished orders go likewise (ADR 0017).

-- How far retention got. Records older than `inbox_horizon` may have been answered by rows that are gone; it is
-- announced before anything is removed, so that all workers know of it.
create table retention (
    singleton boolean primary key default true check (singleton),
    inbox_horizon timestamptz,
    announced_at timestamptz,
    ledger_batch_id bigint not null default 0,
    orders_order_no bigint not null default 0
);

insert into retention default values;

-- The day on which something happened to an order last: finished ones are kept for so long after it.
-- The default is no volatile one: nothing is rewritten.
-- squawk-ignore adding-field-with-default
alter table orders add column touched date not null default current_date;

create table event_archive (
    at timestamptz not null,
    seq bigint not null,
    event_id text not null,
    source text,
    type text,
    outcome text,
    order_id text,
    topic text,
    partition int not null,
    record_offset bigint not null
) partition by range (at);

create index event_archive_seq on event_archive (seq);

create table batch_archive (
    at timestamptz not null,
    batch_id bigint not null,
    worker text not null,
    published_at timestamptz not null,
    frames bytea not null
) partition by range (at);

create index batch_archive_batch_id on batch_archive (batch_id);

-- Quantities in units: they stay what they are when an item is counted in more decimal places later.
create table movement_archive (
    at timestamptz not null,
    level_no int not null,
    inventory_item_id text not null,
    location_id text not null,
    version bigint not null,
    event_seq bigint not null,
    bucket text not null,
    delta numeric not null,
    order_id text,
    line_item_id text
) partition by range (at);

create index movement_archive_level_no on movement_archive (level_no, version);

create table order_archive (
    at timestamptz not null,
    order_no bigint not null,
    order_id text not null,
    document jsonb not null
) partition by range (at);

create index order_archive_order_no on order_archive (order_no);

-- What the archived movements of a level come to, in smallest units: its ledger goes on from here.
create table ledger_opening (
    level_no int primary key,
    version bigint not null,
    movements bigint not null,
    stocked bigint not null,
    reserved bigint not null,
    incoming bigint not null,
    damaged bigint not null,
    quarantined bigint not null,
    shortfall bigint not null
);

-- The same of what order lines reserve, where it is not 0.
create table reserved_opening (
    level_no int not null,
    order_no bigint not null,
    line_no smallint not null,
    quantity bigint not null,
    primary key (level_no, order_no, line_no)
);

create or replace view v_reserved_by_line as
select
    u.level_no,
    u.order_no,
    u.line_no,
    sum(u.moved) as ledger,
    sum(u.held) as held,
    max(u.event_seq) as event_seq
from (
    select m.level_no, m.order_no, m.line_no, m.delta as moved, 0 as held, m.event_seq from movement as m
    where m.bucket = 2 and m.order_no is not null and m.line_no is not null
    union all
    select p.level_no, p.order_no, p.line_no, p.quantity as moved, 0 as held, null as event_seq
    from reserved_opening as p
    union all
    select h.level_no, h.order_no, h.line_no, 0 as moved, h.quantity as held, null as event_seq from v_held as h
    where h.order_no is not null
) as u
group by u.level_no, u.order_no, u.line_no;

-- What a level's ledger comes to, bucket by bucket, with what is archived.
create view v_ledger as
select
    u.level_no,
    u.bucket,
    sum(u.quantity) as quantity
from (
    select m.level_no, m.bucket, m.delta as quantity from movement as m
    union all
    select p.level_no, w.bucket, w.quantity
    from ledger_opening as p
    cross join lateral (values
        (1::smallint, p.stocked), (2::smallint, p.reserved), (3::smallint, p.incoming), (4::smallint, p.damaged),
        (5::smallint, p.quarantined), (6::smallint, p.shortfall)
    ) as w (bucket, quantity)
) as u
group by u.level_no, u.bucket;

grant select on
    v_ledger, retention, event_archive, batch_archive, movement_archive, order_archive, ledger_opening, reserved_opening
to inventory_worker;
grant update (inbox_horizon, announced_at) on retention to inventory_worker;
