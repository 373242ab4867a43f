"""Keys that are pressed while a command runs, one at a time, without Enter."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Pressed = Callable[[float], str]
"""Waits for a key, so many seconds at most, and returns it, or nothing."""


@contextmanager
def open_keyboard() -> Iterator[Pressed | None]:
    """Give what waits for a key, or None where nobody can press one."""
    if not sys.stdin.isatty():
        yield None
    elif sys.platform == "win32":
        yield _pressed_on_windows
    else:
        with _one_at_a_time() as pressed:
            yield pressed


if sys.platform == "win32":

    def _pressed_on_windows(timeout_s: float) -> str:
        import msvcrt

        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if msvcrt.kbhit():
                return msvcrt.getwch()
            time.sleep(0.02)
        return ""

else:

    @contextmanager
    def _one_at_a_time() -> Iterator[Pressed]:
        """Let the terminal hand over each key as it is pressed, unseen; Ctrl-C stays what it is."""
        import os
        import select
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)

        def pressed(timeout_s: float) -> str:
            if not select.select([terminal], [], [], timeout_s)[0]:
                return ""
            return os.read(terminal, 1).decode(errors="replace")

        try:
            tty.setcbreak(terminal)
            yield pressed
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
