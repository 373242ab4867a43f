"""Which version of the program this is."""

from __future__ import annotations


def program() -> str:
    """Return what files say that they were made by."""
    from importlib.metadata import version

    return f"lofigen-kit {version('lofigen-kit')}"
