-- Carts in the archives, and how long a cart is remembered after something happened to it last.

alter table movement_archive add column cart_id text;

-- The default is no volatile one: nothing is rewritten.
-- squawk-ignore adding-field-with-default
alter table cart add column touched date not null default current_date;
