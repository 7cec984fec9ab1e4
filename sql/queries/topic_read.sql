-- All topics and their numbers. Parameters: none. Locks: none.
select t.topic, t.topic_no from topic as t
