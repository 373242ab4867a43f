"""The instruments of a General MIDI soundfont that the band may choose, by name."""

from __future__ import annotations

from pathlib import Path

FONT_KITS = {"gm-studio": 0, "gm-808": 25, "gm-jazz": 32, "gm-brush": 40}
FONT_KEYS = {
    "grand": 0,
    "rhodes": 4,
    "tine": 5,
    "vibes": 11,
    "nylon-guitar": 24,
    "jazz-guitar": 26,
}
FONT_BASSES = {"upright": 32, "fingered": 33, "picked": 34, "fretless": 35}
"""By name, General MIDI's program numbers, from 0."""


def list_font_instruments(path: Path, rate_hz: int) -> tuple[list[str], list[str], list[str]]:
    """Return the kits, keys and basses that a font has, by name.

    Raises:
        InputError: if the file is no soundfont, or tinysoundfont is not installed.
    """
    from lofigen_kit_plugins.instruments.soundfont_file import DRUM_BANK, load_font

    font = load_font(path, rate_hz)
    return (
        [name for name, number in FONT_KITS.items() if font.has(DRUM_BANK, number)],
        [name for name, number in FONT_KEYS.items() if font.has(0, number)],
        [name for name, number in FONT_BASSES.items() if font.has(0, number)],
    )
