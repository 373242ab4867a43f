"""Instruments out of a General MIDI soundfont."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from lofigen_kit.api import Note
from lofigen_kit_plugins.band.fonts import FONT_BASSES, FONT_KEYS, FONT_KITS
from lofigen_kit_plugins.instruments.soundfont_file import DRUM_BANK, load_font

KEY_OF_DRUM: dict[str, int] = {"kick": 36, "snare": 38, "hat": 42}
MIDDLE: dict[str, int] = {"keys": 60, "bass": 36}
TAIL_S = 0.3
"""How long an instrument sounds on after its key is let go; it is faded out over that time."""
LOUD_S = 0.4
RMS_OF_PEAK = 0.5
"""About what the first moments of a plucked note have, of a sine's peak."""


def play_note(path: Path, name: str, note: Note, rate_hz: int, *, loudness: float) -> np.ndarray:
    """Return a note of the keys or the bass.

    Args:
        path: The font.
        name: One of `FONT_KEYS` or `FONT_BASSES`.
        note: What to play.
        rate_hz: At which rate.
        loudness: The RMS level that a note of full velocity in the middle of the range begins
            with; fonts differ by 20 dB.
    """
    number = FONT_KEYS[name] if note.part == "keys" else FONT_BASSES[name]
    sound = load_font(path, rate_hz).play(
        0, number, round(note.midi), note.velocity, held_s=note.duration_s, tail_s=TAIL_S
    )
    return np.asarray(loudness / _level(path, number, MIDDLE[note.part], rate_hz) * sound)


def play_stroke(path: Path, kit: str, drum: str, velocity: float, rate_hz: int) -> np.ndarray:
    """Return a stroke of a kit, with a peak of 1 at full velocity."""
    full = _stroke(path, kit, drum, 1.0, rate_hz)
    return np.asarray(_stroke(path, kit, drum, velocity, rate_hz) / np.abs(full).max())


@lru_cache(maxsize=512)
def _stroke(path: Path, kit: str, drum: str, velocity: float, rate_hz: int) -> np.ndarray:
    return load_font(path, rate_hz).play(
        DRUM_BANK, FONT_KITS[kit], KEY_OF_DRUM[drum], velocity, held_s=0.3, tail_s=0.3
    )


@cache
def _level(path: Path, number: int, key: int, rate_hz: int) -> float:
    loud = load_font(path, rate_hz).play(0, number, key, 1.0, held_s=LOUD_S, tail_s=0.0)
    return float(np.sqrt(np.mean(loud**2)))
