"""What a sound file says of its music to other programs: tempo, key, loop and bars."""

from __future__ import annotations

from dataclasses import dataclass

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""Files that carry labels, and that we write."""

MAX_CUES = 10_000


@dataclass(frozen=True)
class Loop:
    """A part of a sound that goes round, by its first and last frame."""

    first: int
    last: int


@dataclass(frozen=True)
class Cue:
    """A place in a sound, with a name."""

    frame: int
    name: str


@dataclass(frozen=True)
class AudioMetadata:
    """What is written into a file beside its sound, and what can be read back.

    Attributes:
        title: A few words.
        description: One line for people and search fields.
        tempo_bpm: Quarter notes a minute; None where unknown.
        beats: How many there are; None where unknown.
        key: Tonic and mode, as in `D minor`; the tonic alone where a file keeps no more.
        loop: What of it goes round; None for what has an end.
        cues: Where the bars begin.
        loudness_lufs: Integrated loudness; None where unmeasured or silent.
        true_peak_dbtp: True peak, likewise.
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
