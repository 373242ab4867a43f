"""Packages to begin with: `plugins new` writes one from the templates."""
