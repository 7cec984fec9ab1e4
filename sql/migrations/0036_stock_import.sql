-- Levels as a file counts them.

insert into event_type (type_no, type) values (37, 'stock.imported');
