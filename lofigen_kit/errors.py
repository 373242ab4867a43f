"""The toolkit's exceptions, as one tree.

    LofigenError              exit code 1: the run failed
    ├── RenderError           a stage failed while it ran (non-finite samples, a full disk)
    ├── StoppedError          exit code 130: stopped by the user; finished work is kept
    └── InputError            exit code 2: an input cannot be used
        ├── PresetError       a preset file: syntax, an unknown name, a value out of range
        ├── AudioError        an audio file: unreadable, empty, of an impossible shape
        ├── NotationError     a key or a chord, as musicians write it: misspelt
        ├── CheckpointError   a model file: wrong shape, wrong hash, not safetensors
        └── PluginError       a plugin: broken, duplicate, misspelt

The command line catches only the root class and prints the error as one line.
"""

from __future__ import annotations

NO_MEMORY = "the memory does not suffice; close other programs, or do less at once"
MAX_MESSAGE_CHARS = 500
"""The longest message that is shown: untrusted files hold names of any length."""


def to_one_line(text: str) -> str:
    """Return untrusted text as one line without control or text-direction characters."""
    shown = (c if c.isprintable() or c.isspace() else ascii(c)[1:-1] for c in text)
    return " ".join("".join(shown).split())


def shorten(text: str) -> str:
    """Return a text; the middle of a long one is left out."""
    half = MAX_MESSAGE_CHARS // 2
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:half]} ... {text[-half:]}"


class LofigenError(Exception):
    """The base class: what is wrong, where, and what to do.

    Args:
        message: What is wrong, in words that a musician knows.
        where: The place: a file, `file:line:column` or a field.
        remedy: What to do, in the imperative.
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
    """A stage failed while it ran."""


class StoppedError(LofigenError):
    """The run was stopped by a signal; finished work is kept.

    Args:
        message: How far the run came, and what is kept.
        signal: The signal's number; Ctrl-C is 2. The exit code is 128 plus this number, as in a
            shell.
        where: Where the finished work is.
        remedy: How to continue.
    """

    def __init__(
        self, message: str, *, signal: int = 2, where: object = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.signal = signal
        self.exit_code = 128 + signal


class InputError(LofigenError):
    """An input cannot be used."""

    exit_code = 2


class PresetError(InputError):
    """A preset file, or an override of one of its fields, cannot be used."""


class AudioError(InputError):
    """An audio file cannot be used, or audio has an impossible shape."""


class CheckpointError(InputError):
    """A model file cannot be used."""


class PluginError(InputError):
    """A plugin cannot be used, or no plugin provides a component."""
