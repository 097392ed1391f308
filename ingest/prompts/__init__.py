"""Benchmarks asked of models: prompts answered, accepted answers and choices read."""
