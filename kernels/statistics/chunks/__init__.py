"""Statistics whose rows are a text's chunks: what a text alone tells."""
