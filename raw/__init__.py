"""The raw layer: what a run is on disk."""
