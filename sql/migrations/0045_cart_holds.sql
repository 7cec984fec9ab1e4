-- Holds of carts: what is reserved for a cart until it is ordered, released, or its time is over.

insert into event_type (type_no, type) values
    (14, 'cart.released'),
    (30, 'cart.hold_expired');

create table cart (
    cart_no bigint generated always as identity primary key,
    cart_id text collate "C" not null unique,
    generation int not null default 0,
    expires_at timestamptz,
    order_id text collate "C",
    constraint cart_ordered_holds_nothing check (order_id is null or expires_at is null)
) with (fillfactor = 50);

create index cart_expires_at on cart (expires_at) where expires_at is not null;

-- Like reservation; not many at a time.
create table hold (
    cart_no bigint not null,
    line_item_id text not null,
    level_no int not null,
    quantity bigint not null check (quantity > 0),
    primary key (cart_no, line_item_id, level_no)
);

create index hold_level_no on hold (level_no);

-- The cart whose hold moved; such a movement is no order's.
alter table movement add column cart_no bigint;

-- What is held of a level: `reserved` is the sum of these.
create or replace view v_held as
select
    r.level_no,
    r.order_no,
    r.line_no,
    r.quantity
from reservation as r
inner join order_line as l on l.order_no = r.order_no and l.line_no = r.line_no
union all
select
    h.level_no,
    null::bigint as order_no,
    null::smallint as line_no,
    h.quantity
from hold as h
inner join cart as c on c.cart_no = h.cart_no;

create view v_hold as
select
    c.cart_id,
    h.line_item_id,
    i.inventory_item_id,
    i.sku,
    l.location_id,
    units(h.quantity, i.decimal_places) as quantity,
    c.expires_at,
    h.cart_no,
    h.level_no
from hold as h
inner join cart as c on c.cart_no = h.cart_no
inner join level as v on v.level_no = h.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no;

create or replace view v_movement as
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
    m.level_no,
    c.cart_id
from movement as m
inner join bucket as b on b.bucket_no = m.bucket
inner join level as v on v.level_no = m.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
left join orders as o on o.order_no = m.order_no
left join order_line as ol on ol.order_no = m.order_no and ol.line_no = m.line_no
left join cart as c on c.cart_no = m.cart_no;

grant select on cart, hold, v_hold to inventory_worker;
grant insert, update on cart to inventory_worker;
grant insert, delete on hold to inventory_worker;
