"""Rows in, rows out: the statistics that SQL lacks."""
