"""How the kernels are compiled: for this processor, once, and kept."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit

from lofigen_kit.runtime.caches import get_cache_dir

_config: Any = numba.config
_log = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])

# No fast-math: sums keep their order, and what is fused says so.
_OPTIONS: dict[str, Any] = {"boundscheck": False, "error_model": "numpy"}
# Inlined, as vectors that are handed over would go through memory.
_PART = {**_OPTIONS, "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inner(function: _Function) -> _Function:
    """Compile as a part of the kernels that call it; Python cannot."""
    return cast("_Function", njit(**_PART)(function))


def entry(function: _Function) -> _Function:
    """Compile for this CPU once, on the first call, to run without the interpreter's lock.

    The result is kept in the user's cache folder, `LOFIGEN_CACHE_DIR` or `NUMBA_CACHE_DIR`. Where
    none can be written, every run compiles anew.
    """
    compiled = njit(**_OPTIONS, nogil=True)(function)
    chosen = _config.CACHE_DIR
    _config.CACHE_DIR = str(_cache_folder())
    try:
        compiled.enable_caching()
    except RuntimeError:
        _log.debug("the cache folder %s cannot be written", _config.CACHE_DIR)
    finally:
        _config.CACHE_DIR = chosen
    return cast("_Function", compiled)


def _cache_folder() -> Path:
    """Return a folder that changes with all that `kernels.py` is compiled from.

    numba sees edits of the file of the function that is called, and of no other.
    """
    engine = Path(__file__).parent
    theory = engine.parent / "nn"
    sources = [engine / name for name in ("simd.py", "fft.py", "draw.py")]
    sources += [theory / name for name in ("sampling.py", "distribution.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    folder = Path(_config.CACHE_DIR or get_cache_dir())
    return folder / f"engine-{digest[:12]}"


@functools.cache
def announce() -> None:
    """Say once, before the first call, that it will compile."""
    if not any(_cache_folder().rglob("kernels.run-*.nbi")):
        _log.info("compiling the engine for this processor, once: it takes some ten seconds")
