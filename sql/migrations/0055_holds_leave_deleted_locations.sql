-- A hold knows where its sales channel may take it from, so that it can leave a deleted location.

insert into event_type (type_no, type) values (38, 'cart.hold_evacuated');

alter table cart add column sales_channel_id text collate "C";
