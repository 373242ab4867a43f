"""Plugins for lofigen-kit: one of each kind, a module each."""
