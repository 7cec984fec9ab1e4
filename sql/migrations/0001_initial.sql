-- The whole first schema: catalogue, levels, orders, inbox, ledger, parked events, outbox.
--
-- Hot tables (event, orders, order_line, reservation, movement) carry small surrogate keys; views give
-- operators the text ids. Foreign keys stand on the catalogue only: on the hot tables they would cost
-- more than the rows themselves, so tests and the audit stand in for them (ADR 0004).

-- ── Interned texts ──────────────────────────────────────────────────────────────────────────────────

create table source (
    source_no int generated always as identity primary key,
    source text collate "C" not null unique
);

create table topic (
    topic_no smallint generated always as identity primary key,
    topic text collate "C" not null unique
);

create table event_type (
    type_no smallint primary key,
    type text not null unique
);

insert into event_type (type_no, type) values
    (1, 'variant.created'),
    (4, 'location.created'),
    (5, 'location.updated'),
    (6, 'location.deleted'),
    (7, 'sales_channel.updated'),
    (8, 'stock.set'),
    (9, 'stock.adjusted'),
    (13, 'cart.validated'),
    (15, 'order.placed'),
    (18, 'order.fulfilled'),
    (20, 'order.returned'),
    (21, 'reservation.moved');

create table outcome (
    outcome_no smallint primary key,
    outcome text not null unique,
    final boolean not null
);

insert into outcome (outcome_no, outcome, final) values
    (1, 'applied', true),
    (2, 'partially_applied', true),
    (3, 'already_applied', true),
    (4, 'stale', true),
    (5, 'insufficient_stock', true),
    (6, 'unknown_variant', true),
    (7, 'below_zero', true),
    (8, 'exceeds_ordered', true),
    (9, 'exceeds_shipped', true),
    (10, 'order_canceled', true),
    (11, 'location_not_allowed', true),
    (12, 'version_mismatch', true),
    (13, 'conflict', true),
    (100, 'parked', false),
    (101, 'dead_lettered', false);

create table bucket (
    bucket_no smallint primary key,
    bucket text not null unique
);

insert into bucket (bucket_no, bucket) values
    (1, 'stocked'), (2, 'reserved'), (3, 'incoming'), (4, 'damaged'),
    (5, 'quarantined'), (6, 'shortfall'), (7, 'discarded');

-- ── Catalogue ───────────────────────────────────────────────────────────────────────────────────────
-- `known` is false for a row that a catalogue event locked and has not made yet: a meeting point only.
-- `catalogue_version` is the state's version when the row last changed; workers' caches follow it.

create table catalogue_state (
    singleton boolean primary key default true check (singleton),
    catalogue_version bigint not null default 0
);

insert into catalogue_state default values;

create table inventory_item (
    item_no int generated always as identity primary key,
    inventory_item_id text collate "C" not null unique,
    known boolean not null default false,
    sku text collate "C",
    title text,
    description text,
    thumbnail text,
    origin_country text,
    hs_code text,
    mid_code text,
    material text,
    weight numeric,
    length numeric,
    height numeric,
    width numeric,
    requires_shipping boolean,
    unit_of_measure text,
    metadata jsonb,
    decimal_places smallint not null default 0 check (decimal_places between 0 and 6),
    low_stock_threshold bigint check (low_stock_threshold >= 0),
    catalogue_version bigint not null default 0
);

create unique index inventory_item_sku on inventory_item (sku) where known and sku is not null;

create table variant (
    variant_no int generated always as identity primary key,
    variant_id text collate "C" not null unique,
    known boolean not null default false,
    sku text,
    title text,
    allow_backorder boolean not null default false,
    backorder_limit bigint check (backorder_limit >= 0),
    recipe_no int,
    content_hash bytea check (octet_length(content_hash) = 16),
    guard_version bigint,
    guard_source text,
    guard_time timestamptz,
    catalogue_version bigint not null default 0,
    check (known = (content_hash is not null))
);

create index variant_catalogue_version on variant (catalogue_version);

-- A recipe is never updated: freezing it in an order line is pointing at it.
create table recipe (
    recipe_no int generated always as identity primary key,
    variant_no int not null references variant
);

create table recipe_part (
    recipe_no int not null references recipe,
    item_no int not null references inventory_item,
    required bigint not null check (required > 0),
    primary key (recipe_no, item_no)
);

alter table variant add constraint variant_recipe_no_fkey foreign key (recipe_no) references recipe;

create table location (
    location_no int generated always as identity primary key,
    location_id text collate "C" not null unique,
    known boolean not null default false,
    name text not null default '',
    sells boolean not null default true,
    ships boolean not null default true,
    accepts_returns boolean not null default true,
    priority int not null default 0,
    deleted boolean not null default false,
    content_hash bytea check (octet_length(content_hash) = 16),
    guard_version bigint,
    guard_source text,
    guard_time timestamptz,
    catalogue_version bigint not null default 0,
    check (known = (content_hash is not null))
);

-- A channel may name locations that are not created yet: hence ids, and no foreign key.
create table sales_channel (
    channel_no int generated always as identity primary key,
    sales_channel_id text collate "C" not null unique,
    known boolean not null default false,
    location_ids text [] not null default '{}',
    guard_version bigint,
    guard_source text,
    guard_time timestamptz,
    catalogue_version bigint not null default 0
);

-- ── Levels ──────────────────────────────────────────────────────────────────────────────────────────
-- The inventory_item row is the lock of all its levels, also of those that do not exist yet.

create table level (
    level_no int generated always as identity primary key,
    item_no int not null references inventory_item,
    location_no int not null references location,
    stocked bigint not null default 0 check (stocked >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    incoming bigint not null default 0 check (incoming >= 0),
    damaged bigint not null default 0 check (damaged >= 0),
    quarantined bigint not null default 0 check (quarantined >= 0),
    shortfall bigint not null default 0 check (shortfall >= 0),
    version bigint not null default 0,
    low_stock_threshold bigint check (low_stock_threshold >= 0),
    safety_stock bigint check (safety_stock >= 0),
    backorder_limit bigint check (backorder_limit >= 0),
    unique (item_no, location_no),
    constraint level_not_oversold check (reserved <= stocked + shortfall)
) with (fillfactor = 50);

-- Whether a level says more than what is stocked and reserved: few do, so readers ask for the rest only then.
create function has_details(l level) returns boolean
language sql immutable parallel safe
return (l).incoming > 0 or (l).damaged > 0 or (l).quarantined > 0 or (l).shortfall > 0
or (l).low_stock_threshold is not null or (l).safety_stock is not null or (l).backorder_limit is not null;

-- The last stock.set applied per level, bucket and source: an older one is stale.
create table set_guard (
    level_no int not null references level,
    bucket text not null,
    source text collate "C" not null,
    version bigint,
    time timestamptz,
    primary key (level_no, bucket, source)
);

-- ── Orders ──────────────────────────────────────────────────────────────────────────────────────────
-- A row exists from the first event that names the order; placed means: it has lines.

create table orders (
    order_no bigint generated always as identity primary key,
    order_id text collate "C" not null unique,
    revision int not null,
    placement_hash bytea check (octet_length(placement_hash) = 16),
    sales_channel_id text,
    strategy smallint not null default 0,
    cart_id text
);

create table order_line (
    order_no bigint not null,
    line_no smallint not null,
    line_item_id text not null,
    variant_no int not null,
    recipe_no int,
    quantity_micro bigint not null check (quantity_micro > 0),
    primary key (order_no, line_no)
);

create table reservation (
    order_no bigint not null,
    line_no smallint not null,
    level_no int not null,
    quantity bigint not null check (quantity > 0),
    primary key (order_no, line_no, level_no)
);

create table fulfillment (
    order_no bigint not null,
    fulfillment_no smallint not null,
    fulfillment_id text collate "C" not null,
    body_hash bytea not null check (octet_length(body_hash) = 16),
    event_seq bigint not null,
    primary key (order_no, fulfillment_no),
    unique (order_no, fulfillment_id)
);

create table fulfillment_line (
    order_no bigint not null,
    fulfillment_no smallint not null,
    line_no smallint not null,
    quantity_micro bigint not null check (quantity_micro > 0),
    primary key (order_no, fulfillment_no, line_no)
);

-- What left which level: a return without a location goes back there.
create table fulfillment_part (
    order_no bigint not null,
    fulfillment_no smallint not null,
    part_no smallint not null,
    line_no smallint not null,
    level_no int not null,
    quantity bigint not null check (quantity > 0),
    primary key (order_no, fulfillment_no, part_no)
);

create table order_return (
    order_no bigint not null,
    return_no smallint not null,
    return_id text collate "C" not null,
    body_hash bytea not null check (octet_length(body_hash) = 16),
    event_seq bigint not null,
    primary key (order_no, return_no),
    unique (order_no, return_id)
);

create table order_return_line (
    order_no bigint not null,
    return_no smallint not null,
    place smallint not null,
    line_no smallint not null,
    quantity_micro bigint not null check (quantity_micro > 0),
    disposition text not null,
    primary key (order_no, return_no, place)
);

create table order_return_part (
    order_no bigint not null,
    return_no smallint not null,
    part_no smallint not null,
    line_no smallint not null,
    level_no int not null,
    quantity bigint not null check (quantity > 0),
    disposition text not null,
    primary key (order_no, return_no, part_no)
);

-- ── Ledger ──────────────────────────────────────────────────────────────────────────────────────────
-- The primary key is the history of a level, and the guard against a writer with a stale read.

create table movement (
    level_no int not null,
    version bigint not null,
    event_seq bigint not null,
    bucket smallint not null,
    delta bigint not null check (delta <> 0),
    order_no bigint,
    line_no smallint,
    primary key (level_no, version)
);

create index movement_event_seq on movement using brin (event_seq);

-- ── Inbox ───────────────────────────────────────────────────────────────────────────────────────────
-- Judge between workers: an event id has one final outcome. `answer` is the place of the frozen record
-- in the archive (batch_id * 8192 + place); null while there is no final answer.

create table event (
    event_id text collate "C" not null,
    source_no int not null,
    seq bigint not null,
    body_hash bytea not null check (octet_length(body_hash) = 16),
    type smallint not null,
    outcome smallint not null,
    answer bigint,
    order_no bigint,
    topic_no smallint not null,
    partition int not null,
    record_offset bigint not null,
    at timestamptz not null,
    primary key (event_id, source_no),
    constraint event_final_is_answered check ((outcome < 100) = (answer is not null))
);

create index event_seq on event using brin (seq);

create table parked (
    event_id text collate "C" not null,
    source_no int not null,
    arrival bigint generated always as identity,
    waits_kind smallint not null,
    waits_key text collate "C" not null,
    order_no bigint,
    until timestamptz not null,
    parked_at timestamptz not null,
    topic_no smallint not null,
    partition int not null,
    record_offset bigint not null,
    timestamp_ms bigint not null,
    key bytea,
    value bytea,
    headers bytea not null,
    primary key (event_id, source_no)
);

create index parked_waits on parked (waits_kind, waits_key);
create index parked_order_no on parked (order_no) where order_no is not null;
create index parked_until on parked (until);

-- The position of each dead letter and its state; the record itself is in the archive and the topic.
create table dead_letter (
    topic_no smallint not null,
    partition int not null,
    record_offset bigint not null,
    timestamp_ms bigint not null,
    reason text not null,
    state text not null default 'open' check (state in ('open', 'replayed', 'discarded')),
    event_id text collate "C",
    source text,
    place bigint not null,
    at timestamptz not null,
    primary key (topic_no, partition, record_offset, timestamp_ms)
);

-- ── Outbox and archive, offsets ─────────────────────────────────────────────────────────────────────

create sequence batch_id as bigint;

create table batch (
    batch_id bigint primary key,
    worker text not null,
    at timestamptz not null,
    published_at timestamptz,
    claimed_until timestamptz not null,
    frames bytea not null
);

alter table batch alter column frames set storage external;
create index batch_unpublished on batch (batch_id) where published_at is null;

create table consumer_progress (
    consumer_group text not null,
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    record_time timestamptz,
    caught_up_at timestamptz,
    primary key (consumer_group, topic, partition)
) with (fillfactor = 50);

-- ── Views for operators: text ids over the surrogate keys, quantities in units ──────────────────────

create function units(count bigint, decimal_places smallint) returns numeric
language sql immutable parallel safe
return trim_scale(count / power(10::numeric, decimal_places));

create view v_level as
select
    i.inventory_item_id,
    i.sku,
    l.location_id,
    units(v.stocked, i.decimal_places) as stocked,
    units(v.reserved, i.decimal_places) as reserved,
    units(v.stocked - v.reserved, i.decimal_places) as available,
    units(v.incoming, i.decimal_places) as incoming,
    units(v.damaged, i.decimal_places) as damaged,
    units(v.quarantined, i.decimal_places) as quarantined,
    units(v.shortfall, i.decimal_places) as shortfall,
    v.version as level_version,
    v.level_no,
    i.decimal_places
from level as v
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no;

create view v_reservation as
select
    o.order_id,
    ol.line_item_id,
    i.inventory_item_id,
    i.sku,
    l.location_id,
    units(r.quantity, i.decimal_places) as quantity,
    r.order_no,
    r.line_no,
    r.level_no
from reservation as r
inner join orders as o on o.order_no = r.order_no
inner join order_line as ol on ol.order_no = r.order_no and ol.line_no = r.line_no
inner join level as v on v.level_no = r.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no;

create view v_movement as
select
    i.inventory_item_id,
    i.sku,
    l.location_id,
    m.version as level_version,
    b.bucket,
    units(m.delta, i.decimal_places) as delta,
    o.order_id,
    ol.line_item_id,
    m.event_seq,
    m.level_no
from movement as m
inner join bucket as b on b.bucket_no = m.bucket
inner join level as v on v.level_no = m.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
left join orders as o on o.order_no = m.order_no
left join order_line as ol on ol.order_no = m.order_no and ol.line_no = m.line_no;

create view v_event as
select
    e.event_id,
    s.source,
    t.type,
    c.outcome,
    c.final,
    o.order_id,
    tp.topic,
    e.partition,
    e.record_offset,
    e.at,
    e.seq as event_seq
from event as e
inner join source as s on s.source_no = e.source_no
inner join event_type as t on t.type_no = e.type
inner join outcome as c on c.outcome_no = e.outcome
inner join topic as tp on tp.topic_no = e.topic_no
left join orders as o on o.order_no = e.order_no;

create view v_parked as
select
    p.event_id,
    s.source,
    p.waits_kind,
    p.waits_key,
    o.order_id,
    p.until,
    p.parked_at,
    tp.topic,
    p.partition,
    p.record_offset
from parked as p
inner join source as s on s.source_no = p.source_no
inner join topic as tp on tp.topic_no = p.topic_no
left join orders as o on o.order_no = p.order_no;

-- ── Rights: the worker changes rows, never the schema; ledger and answers are append-only for it ────

do $$
begin
    if not exists (select from pg_roles where rolname = 'inventory_worker') then
        create role inventory_worker nologin;
    end if;
exception when duplicate_object or unique_violation then
    null; -- another database of this cluster made it at the same moment
end
$$;

-- Whoever migrates may act as the worker; other logins are granted the role by an administrator.
do $$
begin
    if not pg_has_role(current_user, 'inventory_worker', 'usage') then
        execute format('grant inventory_worker to %I', current_user);
    end if;
exception when insufficient_privilege then
    null; -- the role is another owner's: an administrator grants it
end
$$;

grant usage on schema public to inventory_worker;
grant select on all tables in schema public to inventory_worker;
grant usage on sequence batch_id to inventory_worker;
grant insert on
    source, topic, inventory_item, variant, recipe, recipe_part, location, sales_channel, level, set_guard,
    orders, order_line, reservation, fulfillment, fulfillment_line, fulfillment_part,
    order_return, order_return_line, order_return_part, movement, event, parked, dead_letter, batch,
    consumer_progress
to inventory_worker;
grant update on
    catalogue_state, inventory_item, variant, location, sales_channel, level, set_guard,
    orders, reservation, event, parked, dead_letter, consumer_progress
to inventory_worker;
grant update (published_at, claimed_until) on batch to inventory_worker;
grant delete on reservation, parked to inventory_worker;
