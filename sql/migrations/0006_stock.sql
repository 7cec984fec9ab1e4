-- Receipts.

insert into event_type (type_no, type) values (10, 'stock.received');
