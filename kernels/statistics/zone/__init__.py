"""Statistics of the silent zone: its law, its null, its direction, what can be ranked in it."""
