-- fulfillment.canceled: the event that undid a shipment.

insert into event_type (type_no, type) values (19, 'fulfillment.canceled');

alter table fulfillment add column canceled_seq bigint;

grant update (canceled_seq) on fulfillment to inventory_worker;
