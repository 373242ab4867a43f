"""Where compiled code, and what networks played, is kept: in the user's folder, or another.

numba looks for a place when it is imported, and whoever uses it fails where there is none: in a
container without a writable home. So a place is found before.
"""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from pathlib import Path

FOLDER_VARIABLE = "LOFIGEN_CACHE_DIR"
NUMBA_VARIABLE = "NUMBA_CACHE_DIR"
NO_PLACE = (
    "no cache folder can be written to, so all is compiled anew in each run: name one by "
    f"{FOLDER_VARIABLE}"
)
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it


def get_cache_dir() -> Path:
    """Return the folder for what is kept between runs, which need not exist."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("lofigen-kit", appauthor=False))


def prepare_numba() -> bool:
    """Give numba a place for compiled code, before it is imported.

    That is what the user named, by numba's own variable or ours; else numba finds one beside the
    user's other caches. Where those cannot be written to, it is a temporary folder, which ends
    with this process; the processes that it starts share it.

    Returns:
        bool: whether it is a temporary folder, or there is none at all.
    """
    if os.environ.get(NUMBA_VARIABLE):
        return False
    named = bool(os.environ.get(FOLDER_VARIABLE))
    folder = get_cache_dir()
    # Without a home, its sign stays as it is: `~/.cache`.
    if (named or folder.is_absolute()) and _can_write(folder):
        if named:
            os.environ[NUMBA_VARIABLE] = str(folder.absolute() / "numba")
        return False
    import tempfile

    for parent in (None, _SHARED_MEMORY):
        with suppress(OSError):
            temporary = tempfile.mkdtemp(prefix="lofigen-kit-", dir=parent)
            os.environ[NUMBA_VARIABLE] = temporary
            atexit.register(_remove, temporary, os.getpid())
            break
    return True


def _can_write(folder: Path) -> bool:
    """Return whether files can be written into a folder, which is created if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # and not in one that was forked
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
