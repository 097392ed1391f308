"""Pictures of analyses: a module each, `draw(table) -> Figure`; they count and test nothing."""
