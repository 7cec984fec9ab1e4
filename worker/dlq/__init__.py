"""The replay tool: looks into dead-letter topics, sends dead letters again, or puts them away (ADR 0018)."""
