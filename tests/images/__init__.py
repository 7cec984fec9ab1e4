"""Stand-ins for the official images where none can be pulled: same ports, environment and data folders."""
