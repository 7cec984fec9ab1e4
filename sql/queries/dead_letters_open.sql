-- How many dead letters wait for an operator, by reason. Parameters: none. Locks: none.
select d.reason, count(*) as letters from dead_letter as d
where d.state = 'open'
group by d.reason
order by letters desc, d.reason
