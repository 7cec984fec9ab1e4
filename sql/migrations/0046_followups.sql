-- What the worker does by itself: evacuates deleted locations, re-allocates, lets items of deleted variants go.

insert into event_type (type_no, type) values
    (31, 'reservation.reallocated'),
    (32, 'variant.removed'),
    (34, 'location.evacuated');

-- What an order holds at a deleted location because no other had room: asked again when the order has changed.
create table left_behind (
    order_no bigint not null,
    location_no int not null,
    revision int not null,
    primary key (order_no, location_no)
);

grant select, insert, update on left_behind to inventory_worker;

-- Levels by location, and those with promises without stock. Neither column changes with a sale, so that updates
-- of levels stay within their page (ADR 0015).
-- squawk-ignore require-concurrent-index-creation
create index level_location_no on level (location_no);
-- squawk-ignore require-concurrent-index-creation
create index level_shortfall on level (item_no) where shortfall > 0;
-- squawk-ignore require-concurrent-index-creation
create index variant_deleted on variant (variant_no) where deleted and recipe_no is not null;
