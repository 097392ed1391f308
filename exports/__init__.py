"""A table on its way out: printed, or written to a file."""
