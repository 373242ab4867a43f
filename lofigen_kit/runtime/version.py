"""Which version of the program this is."""

from __future__ import annotations


def installed_version() -> str:
    """Return the installed version, `0.1.0` for instance."""
    from importlib.metadata import version

    return version("lofigen-kit")


def get_program_name() -> str:
    """Return what files say that they were made by."""
    return f"lofigen-kit {installed_version()}"
