"""Statistics whose rows are quants: distance against score, and who is related."""
