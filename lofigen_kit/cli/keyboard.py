"""Read single keys while a command runs, without Enter."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ReadKey = Callable[[float], str]
"""Waits for a key, at most the given seconds, and returns it, or an empty string."""


@contextmanager
def open_keyboard() -> Iterator[ReadKey | None]:
    """Yield a function that waits for a key, or None where standard input is no terminal."""
    if not sys.stdin.isatty():
        yield None
    elif sys.platform == "win32":
        yield _read_key_on_windows
    else:
        with _open_terminal() as read_key:
            yield read_key


if sys.platform == "win32":

    def _read_key_on_windows(timeout_s: float) -> str:
        import msvcrt

        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if msvcrt.kbhit():
                return msvcrt.getwch()
            time.sleep(0.02)
        return ""

else:

    @contextmanager
    def _open_terminal() -> Iterator[ReadKey]:
        """Set the terminal to pass on each key without echo; Ctrl-C still interrupts."""
        import os
        import select
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)

        def read_key(timeout_s: float) -> str:
            if not select.select([terminal], [], [], timeout_s)[0]:
                return ""
            return os.read(terminal, 1).decode(errors="replace")

        try:
            tty.setcbreak(terminal)
            yield read_key
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
