"""Tests of the schema: how it comes about, and that everything that speaks of it agrees."""
