"""Rows in: readers and engines produce per-token rows, the store publishes them as immutable
Parquet parts.
"""
