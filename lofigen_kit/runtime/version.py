"""Version of the program."""

from __future__ import annotations


def installed_version() -> str:
    """Return the installed version, such as `0.1.0`."""
    from importlib.metadata import version

    return version("lofigen-kit")


def get_program_name() -> str:
    """Return the program's name and version, as written into files."""
    return f"lofigen-kit {installed_version()}"
