"""Modules whose names are imported when they are first used, so that naming them costs nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_getattr(
    module: str, homes: Mapping[str, str], renamed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return a module's `__getattr__` (PEP 562).

    Args:
        module: The module's own name.
        homes: The full name of the module in which each name is defined.
        renamed: Names of before, with those of today: each still works and warns.
    """
    renamed = renamed or {}

    def find(name: str) -> Any:
        if name in renamed:
            today = renamed[name]
            warnings.warn(
                f"{module}.{name} is called {today} now; the old name goes with version 1.0",
                DeprecationWarning,
                stacklevel=2,
            )
            return getattr(import_module(module), today)
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find
