-- Have the log's segments recycled, and no checkpoint due while measuring. Parameters: none. Locks: none.
checkpoint
