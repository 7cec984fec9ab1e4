-- variant.updated and variant.deleted: a mark on the variant, and who else is made of an item.

insert into event_type (type_no, type) values
    (2, 'variant.updated'),
    (3, 'variant.deleted');

alter table variant add column deleted boolean not null default false;
