-- What a sales channel leaves to others of each item, and at how much of an item it is low, in millionths of a unit.

alter table sales_channel
add column safety_stock_micro bigint not null default 0 check (safety_stock_micro >= 0),
add column low_stock_micro bigint check (low_stock_micro >= 0);
