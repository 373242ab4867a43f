"""Describe the machine, without host name or paths."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "numba", "torch")
VECTORS = ("avx512f", "avx2", "fma", "asimd", "sve")
"""Flags of /proc/cpuinfo for vector instructions."""


def describe() -> dict[str, Any]:
    """Return the processor, its caches, and the versions of Python and the libraries."""
    cpu = _text(Path("/proc/cpuinfo"))
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpu, re.MULTILINE)
    supported = set(flags[1].split()) if flags else set()
    return {
        "cpu": _field(cpu, "model name") or platform.processor() or platform.machine(),
        "family": f"{_field(cpu, 'cpu family')}/{_field(cpu, 'model')}".strip("/"),
        "vectors": [flag for flag in VECTORS if flag in supported],
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:(.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _caches() -> dict[str, str]:
    """Return the sizes of the first core's caches, such as `L2 Unified: 1024K`."""
    folders = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")
    return {
        f"L{_text(folder / 'level')} {_text(folder / 'type')}": _text(folder / "size")
        for folder in sorted(folders)
    }


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
