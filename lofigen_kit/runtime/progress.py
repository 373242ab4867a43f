"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much of it there is.

Both counts are in the same unit, which is the work's own: frames, seconds, files.
"""

CountProgress = Callable[[int, int], None]
"""The same of work that is but one thing: how much is done, and how much there is."""
