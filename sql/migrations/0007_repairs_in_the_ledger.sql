-- What an audit finds wrong is put right by movements of its own kind of event; orders are brought in by another.

insert into event_type (type_no, type) values
    (35, 'audit.repaired');

-- Versions of a level whose movement is lost: an audit noted that, and does not find it again.
create table ledger_gap (
    level_no int not null,
    version bigint not null,
    event_seq bigint not null,
    primary key (level_no, version)
);

-- What is held of a level: `reserved` is the sum of these.
create view v_held as
select
    r.level_no,
    r.order_no,
    r.line_no,
    r.quantity
from reservation as r
inner join order_line as l on l.order_no = r.order_no and l.line_no = r.line_no;

-- What order lines reserve of levels, by the ledger and by what they hold.
create view v_reserved_by_line as
select
    u.level_no,
    u.order_no,
    u.line_no,
    sum(u.moved) as ledger,
    sum(u.held) as held,
    max(u.event_seq) as event_seq
from (
    select m.level_no, m.order_no, m.line_no, m.delta as moved, 0 as held, m.event_seq from movement as m
    where m.bucket = 2 and m.order_no is not null and m.line_no is not null
    union all
    select h.level_no, h.order_no, h.line_no, 0 as moved, h.quantity as held, null as event_seq from v_held as h
    where h.order_no is not null
) as u
group by u.level_no, u.order_no, u.line_no;

grant select on ledger_gap, v_held, v_reserved_by_line to inventory_worker;
grant insert on ledger_gap to inventory_worker;
