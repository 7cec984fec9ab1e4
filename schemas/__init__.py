"""Contracts of every event in and out, as frozen models."""
