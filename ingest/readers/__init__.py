"""One module per file format that other tools leave behind.

port.py says what such a module is, registry.py lists them all.
"""
