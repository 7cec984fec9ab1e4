-- The next levels in the order of their numbers. Parameters: $1 after which number, $2 how many. Locks: none.
select l.level_no from level as l
where l.level_no > $1
order by l.level_no
limit $2
