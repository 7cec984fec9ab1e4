"""Tests on a real Postgres or Kafka."""
