"""Texts read by a reference and its quants: cut, scored, kept chunk by chunk."""
