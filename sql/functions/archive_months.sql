-- Make the archives' partitions of some months, where they are not there yet.
--
-- Parameters: a moment of each month. Locks: the archives, which only inspection reads, for a moment.
create or replace function archive_months_v1(moments timestamptz []) returns void
language plpgsql volatile security definer set search_path from current as $$
declare
    archive text;
    begins timestamptz;
begin
    foreach archive in array array['event_archive', 'batch_archive', 'movement_archive', 'order_archive'] loop
        for begins in
            select distinct date_trunc('month', u.at, 'UTC') from unnest(moments) as u (at)
        loop
            execute format(
                'create table if not exists %I partition of %I for values from (%L) to (%L)',
                archive || to_char(begins at time zone 'UTC', '_YYYY_MM'),
                archive, begins, begins + interval '1 month'
            );
        end loop;
    end loop;
end
$$;

revoke execute on function archive_months_v1(timestamptz []) from public;
