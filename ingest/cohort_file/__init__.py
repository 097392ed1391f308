"""qwh.toml: what it says, what the store lacks of it, and how that is carried out."""
