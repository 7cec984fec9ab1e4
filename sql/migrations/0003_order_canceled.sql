-- order.canceled: a mark on the order, also before it is placed, and the ids of lines canceled one by one.

insert into event_type (type_no, type) values (17, 'order.canceled');

alter table orders
add column canceled boolean not null default false,
add column canceled_line_ids text [];
