"""A chain file: its YAML, its fields, and errors that name the place."""
