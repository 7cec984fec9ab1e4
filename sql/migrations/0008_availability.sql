-- What each sales channel has of each variant, as last told to storefronts, and how far it is counted (ADR 0010).

-- From an item to the variants that take it. A catalogue is small: new recipes wait for a moment.
-- squawk-ignore require-concurrent-index-creation
create index recipe_part_item_no on recipe_part (item_no);

-- Quantities in millionths of a unit; null is without end. `pass` is the pass that wrote the row last.
create table availability (
    variant_no int not null,
    channel_no int not null,
    available_micro bigint check (available_micro >= 0),
    sellable_micro bigint check (sellable_micro >= 0),
    version bigint not null check (version > 0),
    pass bigint not null,
    primary key (variant_no, channel_no),
    constraint availability_sellable check (sellable_micro is null or sellable_micro >= available_micro)
) with (fillfactor = 50);

-- One worker at a time counts and publishes: the holder of the row, until its claim runs out. `generation` rises
-- with each claim, so that one who lost it finds out.
create table availability_state (
    singleton boolean primary key default true check (singleton),
    holder text,
    generation bigint not null default 0,
    held_until timestamptz not null default '-infinity',
    pass bigint not null default 0,
    published_pass bigint not null default 0,
    -- Every batch up to this number is finished and counted in; null: everything is to be counted anew.
    batches_seen bigint,
    -- Every batch up to this number is finished once no transaction older than `finished_before` is under way.
    batches_drawn bigint not null default 0,
    finished_before bigint not null default 0,
    catalogue_version bigint not null default 0,
    -- Variants after this number are still to be counted anew; null: none.
    variants_from int,
    passed_at timestamptz not null default '-infinity',
    check (published_pass <= pass)
) with (fillfactor = 50);

insert into availability_state default values;

grant select on availability, availability_state, batch_id to inventory_worker;
grant insert, update on availability to inventory_worker;
grant update on availability_state to inventory_worker;
