"""Plugins: their hooks, the loader that isolates them, and the registry of components."""
