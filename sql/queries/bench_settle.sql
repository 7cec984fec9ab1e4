-- Give the planner its statistics and the rows their visibility. Parameters: none.
-- Locks: every table, in turn, against changes of the schema.
vacuum (analyze)
