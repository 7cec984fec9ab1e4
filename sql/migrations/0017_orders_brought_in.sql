-- order.imported: orders open on the day of installation, brought in with what they hold, shipped and got back.

insert into event_type (type_no, type) values (36, 'order.imported');
