"""The main job on a real small model: what `qwh demo` runs, and its texts and prompts."""
