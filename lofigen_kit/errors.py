"""Everything that can go wrong, as one tree.

    LofigenError              exit code 1: the run failed
    ├── RenderError           a stage broke while it ran (non-finite samples, a full disk)
    ├── StoppedError          exit code 130: stopped by hand, what was done is kept
    └── InputError            exit code 2: what was given cannot be used
        ├── PresetError       a chain file: syntax, an unknown name, a value out of range
        ├── AudioError        an audio file: unreadable, empty, of an impossible shape
        ├── CheckpointError   a model file: wrong shape, wrong hash, not safetensors
        └── PluginError       a plugin: broken, doubled, misspelt

The command line catches the root alone and prints it as one line.
"""

from __future__ import annotations

MOST_SHOWN = 500
"""Characters of a message: strangers' files hold names of any length."""


def to_one_line(text: str) -> str:
    """Return a stranger's text as one line that neither drives the terminal nor turns around."""
    shown = (c if c.isprintable() or c.isspace() else ascii(c)[1:-1] for c in text)
    return " ".join("".join(shown).split())


def shorten(text: str) -> str:
    """Return a text without its middle where it is long: it begins with what it is about."""
    half = MOST_SHOWN // 2
    return text if len(text) <= MOST_SHOWN else f"{text[:half]} ... {text[-half:]}"


class LofigenError(Exception):
    """The root: what happened, where, and what to do about it.

    Args:
        message: What is wrong, in a musician's words.
        where: The place: a file, `file:line:column`, a field.
        remedy: What to do, as an imperative.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: object = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = None if where is None else str(where)
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.remedy}" if self.remedy else ""
        return to_one_line(f"{place}{shorten(self.message)}{advice}")


class RenderError(LofigenError):
    """A stage broke while it ran."""


class StoppedError(LofigenError):
    """Stopped by a signal, what was done so far being kept.

    Args:
        message: How far it came, and what is kept.
        signal: The signal's number, 2 being Ctrl-C; the exit code is a shell's, 128 and that.
        where: The place of what is kept.
        remedy: How to go on.
    """

    def __init__(
        self, message: str, *, signal: int = 2, where: object = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.signal = signal
        self.exit_code = 128 + signal


class InputError(LofigenError):
    """What was given cannot be used."""

    exit_code = 2


class PresetError(InputError):
    """A chain file or an override of one of its fields."""


class AudioError(InputError):
    """An audio file, or audio of an impossible shape."""


class CheckpointError(InputError):
    """A model file."""


class PluginError(InputError):
    """A plugin, or a component that no plugin provides."""
