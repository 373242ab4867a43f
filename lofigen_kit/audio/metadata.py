"""Metadata of a sound file for other programs: tempo, key, loop and bars."""

from __future__ import annotations

from dataclasses import dataclass

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""Suffixes of the files that we write, which carry metadata."""

MAX_CUES = 10_000


@dataclass(frozen=True)
class Loop:
    """The part of a sound that loops, by its first and last frame (inclusive)."""

    first: int
    last: int


@dataclass(frozen=True)
class Cue:
    """A named position in a sound, in frames."""

    frame: int
    name: str


@dataclass(frozen=True)
class AudioMetadata:
    """The metadata that is written into a file, and what can be read back.

    Attributes:
        title: A few words.
        description: One line for people and for search.
        tempo_bpm: Quarter notes per minute; None if unknown.
        beats: Number of beats; None if unknown.
        key: Tonic and mode, as in `D minor`; the tonic alone if the file format keeps no more.
        loop: The part that loops; None for a sound that is no loop.
        cues: Starts of the bars.
        loudness_lufs: Integrated loudness; None if unmeasured or silent.
        true_peak_dbtp: True peak in dBTP; None if unmeasured or silent.
    """

    title: str = ""
    description: str = ""
    tempo_bpm: float | None = None
    beats: int | None = None
    key: str = ""
    loop: Loop | None = None
    cues: tuple[Cue, ...] = ()
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
