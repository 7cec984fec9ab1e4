"""Migrations, functions and queries as files of SQL."""
