-- Have values told again as they stand, by a pass in which nothing was counted; gives its number.
-- Parameters: $1 variant numbers, $2 channel numbers. Locks: the claim's row, then the values'.
with state as (
    update availability_state set pass = pass + 1
    returning pass
),

told as (
    update availability as a
    set pass = state.pass
    from state
    cross join unnest($1::int [], $2::int []) as u (variant_no, channel_no)
    where a.variant_no = u.variant_no and a.channel_no = u.channel_no
)

select state.pass from state
