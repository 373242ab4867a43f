"""Lazy imports: a module's names are imported at their first use."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_getattr(
    module: str, homes: Mapping[str, str], renamed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module (PEP 562).

    Args:
        module: Full name of the module.
        homes: For each name, the full name of the module that defines it.
        renamed: Old names with their new ones: an old name works and warns.
    """
    renamed = renamed or {}

    def find(name: str) -> Any:
        if name in renamed:
            new_name = renamed[name]
            warnings.warn(
                f"{module}.{name} is now {new_name}; the old name will be removed in version 1.0",
                DeprecationWarning,
                stacklevel=2,
            )
            return getattr(import_module(module), new_name)
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find
