"""Instruments: what plays the parts of a score."""
