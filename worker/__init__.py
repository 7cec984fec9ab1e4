"""Inventory worker: commerce events in from Kafka, stock and reservations kept in Postgres, answers out."""
