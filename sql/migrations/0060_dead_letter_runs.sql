-- The replay tool: each of its runs, and what became of each dead letter, on whatever topic it stands (ADR 0018).

create table dlq_run (
    run_id uuid primary key,
    kind text not null check (kind in ('replay', 'discard')),
    who text not null,
    dlq_topic text not null,
    selection jsonb not null,
    ends jsonb not null,
    to_topic text,
    reason text,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    ended text check (ended in ('done', 'interrupted', 'stopped', 'failed')),
    counts jsonb not null default '{}'
);

create index dlq_run_started_at on dlq_run (started_at);

-- A dead letter without a row here is open. The time in the key tells a topic that was made anew from the old one.
create table dlq_handled (
    dlq_topic text not null collate "C",
    partition int not null,
    record_offset bigint not null,
    timestamp_ms bigint not null,
    state text not null check (state in ('replayed', 'discarded')),
    run_id uuid not null,
    at timestamptz not null default now(),
    primary key (dlq_topic, partition, record_offset, timestamp_ms)
);

grant select, insert on dlq_run, dlq_handled to inventory_worker;
grant update (ended_at, ended, counts) on dlq_run to inventory_worker;
grant update (state, run_id, at) on dlq_handled to inventory_worker;
