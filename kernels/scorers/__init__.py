"""Logits in, token rows out: a naive twin, a fast one for the CPU, a fast one for the GPU."""
