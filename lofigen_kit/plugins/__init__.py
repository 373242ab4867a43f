"""Plugins: what hooks they have, how they are found and kept apart, and what they bring."""
