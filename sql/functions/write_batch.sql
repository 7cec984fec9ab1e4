-- Write what every batch of orders writes: levels, lines, reservations, movements, and the inbox keys.
--
-- Parameters: parallel arrays per table. Levels are absolute states (their rows are guarded by the item
-- locks of load_batch); events are sorted by (event_id, source_no).
-- Gives the number of levels updated and of inbox keys inserted: fewer keys than given means another
-- worker answered one of the events first, and the caller rolls back.
-- Locks: level rows (already guarded), then the inbox keys in sorted order, last of all.
create or replace function write_batch_v1(
    batch_no bigint, batch_at timestamptz,
    level_nos int [], level_stocked bigint [], level_reserved bigint [], level_incoming bigint [],
    level_damaged bigint [], level_quarantined bigint [], level_shortfall bigint [], level_versions bigint [],
    line_orders bigint [], line_nos smallint [], line_item_ids text [], line_variants int [],
    line_recipes int [], line_quantities bigint [],
    held_orders bigint [], held_lines smallint [], held_levels int [], held_quantities bigint [],
    move_levels int [], move_versions bigint [], move_places int [], move_buckets smallint [],
    move_deltas bigint [], move_orders bigint [], move_lines smallint [],
    event_ids text [], event_sources int [], event_places int [], event_hashes bytea [],
    event_types smallint [], event_outcomes smallint [], event_answers int [], event_orders bigint [],
    event_topics smallint [], event_partitions int [], event_offsets bigint [],
    out levels_updated int, out events_inserted int
) language plpgsql volatile as $$
begin
    levels_updated := 0;
    if cardinality(level_nos) > 0 then
        update level as l
        set stocked = u.stocked, reserved = u.reserved, incoming = u.incoming, damaged = u.damaged,
            quarantined = u.quarantined, shortfall = u.shortfall, version = u.version
        from unnest(level_nos, level_stocked, level_reserved, level_incoming, level_damaged,
            level_quarantined, level_shortfall, level_versions)
            as u (level_no, stocked, reserved, incoming, damaged, quarantined, shortfall, version)
        where l.level_no = u.level_no;
        get diagnostics levels_updated = row_count;

        insert into movement (level_no, version, event_seq, bucket, delta, order_no, line_no)
        select u.level_no, u.version, batch_no * 8192 + u.place, u.bucket, u.delta, u.order_no, u.line_no
        from unnest(move_levels, move_versions, move_places, move_buckets, move_deltas, move_orders, move_lines)
            as u (level_no, version, place, bucket, delta, order_no, line_no);
    end if;

    if cardinality(line_orders) > 0 then
        insert into order_line (order_no, line_no, line_item_id, variant_no, recipe_no, quantity_micro)
        select * from unnest(line_orders, line_nos, line_item_ids, line_variants, line_recipes, line_quantities);
    end if;

    if cardinality(held_orders) > 0 then
        insert into reservation (order_no, line_no, level_no, quantity)
        select * from unnest(held_orders, held_lines, held_levels, held_quantities);
    end if;

    insert into event (event_id, source_no, seq, body_hash, type, outcome, answer, order_no,
        topic_no, partition, record_offset, at)
    select u.event_id, u.source_no, batch_no * 8192 + u.place, u.body_hash, u.type, u.outcome,
        batch_no * 8192 + u.answer, u.order_no, u.topic_no, u.partition, u.record_offset, batch_at
    from unnest(event_ids, event_sources, event_places, event_hashes, event_types, event_outcomes,
        event_answers, event_orders, event_topics, event_partitions, event_offsets)
        as u (event_id, source_no, place, body_hash, type, outcome, answer, order_no,
            topic_no, partition, record_offset)
    order by u.event_id collate "C", u.source_no
    on conflict (event_id, source_no) do nothing;
    get diagnostics events_inserted = row_count;
end
$$;
