"""The running worker: consume, decode, process, store, answer and relay."""
