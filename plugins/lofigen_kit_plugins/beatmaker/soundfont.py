"""Instruments out of a General MIDI soundfont, played by tinysoundfont where that is installed.

    pip install --no-deps tinysoundfont

(Without `--no-deps` it asks for pyaudio, which it needs for a sound card alone.) Which fonts may be
used for what, their authors say: FluidR3Mono_GM.sf3 and MuseScore_General.sf3 are MIT.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from lofigen_kit.api import InputError, Note
from lofigen_kit_plugins.beatmaker.kits import FONT_BASSES, FONT_KEYS, FONT_KITS

KEY_OF_DRUM: dict[str, int] = {"kick": 36, "snare": 38, "hat": 42}
DRUM_BANK = 128
MIDDLE: dict[str, int] = {"keys": 60, "bass": 36}
TAIL_S = 0.3
"""How long an instrument sounds on after its key is let go; it is faded out over that time."""
LOUD_S = 0.4
RMS_OF_PEAK = 0.5
"""About what the first moments of a plucked note have, of a sine's peak."""
MAX_BYTES = 1 << 29


class Font:
    """A soundfont in memory.

    Args:
        path: An sf2 or sf3 file of up to 512 MiB.
        rate_hz: At which it plays.

    Raises:
        InputError: where tinysoundfont is not installed, or the file is no soundfont.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        try:
            import tinysoundfont
        except ImportError:
            raise InputError(
                "a soundfont needs tinysoundfont, which is not installed",
                where=path,
                remedy="pip install --no-deps tinysoundfont",
            ) from None
        self._synth = tinysoundfont.Synth(samplerate=rate_hz)
        self._rate_hz = rate_hz
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError("a soundfont of more than 512 MiB", where=path)
            self._id = self._synth.sfload(path.read_bytes())
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", where=path) from None
        except (RuntimeError, tinysoundfont.SoundFontException):
            raise InputError(
                "this is no soundfont", where=path, remedy="give an .sf2 or .sf3 file"
            ) from None

    def has(self, bank: int, number: int) -> bool:
        """Return whether there is such an instrument."""
        return self._synth.sfpreset_name(self._id, bank, number) is not None

    def play(
        self, bank: int, number: int, key: int, velocity: float, *, held_s: float, tail_s: float
    ) -> np.ndarray:
        """Return one note, from silence into silence [shape=(frames,), dtype=float64]."""
        synth, drums = self._synth, bank == DRUM_BANK
        synth.sounds_off()
        synth.program_select(0, self._id, bank, number, drums)
        synth.noteon(0, key, max(1, round(127 * velocity)))
        held = self._generate(held_s)
        synth.noteoff(0, key)
        tail = self._generate(tail_s)
        return np.concatenate([held, tail * np.linspace(1.0, 0.0, len(tail))])

    def _generate(self, seconds: float) -> np.ndarray:
        frames = round(seconds * self._rate_hz)
        if not frames:
            return np.zeros(0)
        stereo = np.frombuffer(self._synth.generate(frames), np.float32)
        return np.asarray(stereo.reshape(frames, 2).mean(axis=1, dtype=np.float64))


@cache
def load_font(path: Path, rate_hz: int) -> Font:
    """Return a font, read once."""
    return Font(path, rate_hz)


def list_instruments(path: Path, rate_hz: int) -> tuple[list[str], list[str], list[str]]:
    """Return the kits, keys and basses that a font has, by name."""
    font = load_font(path, rate_hz)
    return (
        [name for name, number in FONT_KITS.items() if font.has(DRUM_BANK, number)],
        [name for name, number in FONT_KEYS.items() if font.has(0, number)],
        [name for name, number in FONT_BASSES.items() if font.has(0, number)],
    )


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
