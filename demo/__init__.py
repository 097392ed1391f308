"""The main job on a real small model: what `qwh demo` runs, and the texts and prompts that it
uses.
"""
