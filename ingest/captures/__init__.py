"""Captures: what a reference says of a text, made once and read in its place."""
