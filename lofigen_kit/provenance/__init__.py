"""Provenance: save, load, replay, verify and sign the recipes inside audio files."""
