-- Write down an applied migration. Parameters: $1 number, $2 name, $3 checksum. Locks: the new key.
insert into schema_migration (number, name, checksum)
values ($1, $2, $3)
on conflict (number) do update set checksum = excluded.checksum, applied_at = clock_timestamp()
