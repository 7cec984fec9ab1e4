-- Transfers: goods on their way between two locations.

insert into event_type (type_no, type) values
    (11, 'transfer.shipped'),
    (12, 'transfer.received');

-- A row exists from the first event that names the transfer; shipped means: it has a body hash.
create table transfer (
    transfer_no bigint generated always as identity primary key,
    transfer_id text collate "C" not null unique,
    body_hash bytea check (octet_length(body_hash) = 16),
    from_location_no int references location,
    to_location_no int references location,
    closed boolean not null default false,
    constraint transfer_shipped_between_locations check (
        (body_hash is not null) = (from_location_no is not null)
        and (body_hash is not null) = (to_location_no is not null)
    )
);

create table transfer_line (
    transfer_no bigint not null references transfer,
    item_no int not null references inventory_item,
    shipped bigint not null check (shipped >= 0),
    received bigint not null check (received >= 0),
    primary key (transfer_no, item_no)
);

create view v_transfer as
select
    t.transfer_id,
    i.inventory_item_id,
    i.sku,
    f.location_id as from_location_id,
    d.location_id as to_location_id,
    units(l.shipped, i.decimal_places) as shipped,
    units(l.received, i.decimal_places) as received,
    t.closed
from transfer as t
inner join transfer_line as l on l.transfer_no = t.transfer_no
inner join inventory_item as i on i.item_no = l.item_no
inner join location as f on f.location_no = t.from_location_no
inner join location as d on d.location_no = t.to_location_no;

grant select on transfer, transfer_line, v_transfer to inventory_worker;
grant insert, update on transfer, transfer_line to inventory_worker;
