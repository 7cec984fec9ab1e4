-- Whether so many events are parked that no more may be. Parameters: $1 how many may. Locks: none.
select count(*) >= $1 as is_full
from (select from parked limit $1) as p
