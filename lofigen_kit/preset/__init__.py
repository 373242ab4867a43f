"""Presets: the YAML reader, the schema, and errors that give file, line and field."""
