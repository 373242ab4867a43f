"""A soundfont, played by tinysoundfont where that is installed.

    pip install --no-deps tinysoundfont

(Without `--no-deps` it asks for pyaudio, which it needs for a sound card alone.) Which fonts may be
used for what, their authors say: FluidR3Mono_GM.sf3 and MuseScore_General.sf3 are MIT.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lofigen_kit.api import InputError

DRUM_BANK = 128
MAX_BYTES = 1 << 29
_FADING_S = 0.1
"""How long the synthesiser takes to let sounds go that are turned off."""


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
        """Return one note in mono, from silence into silence [shape=(frames,), dtype=float64]."""
        held, tail = (
            part.mean(axis=1, dtype=np.float64)
            for part in self._sound(bank, number, key, velocity, held_s=held_s, tail_s=tail_s)
        )
        return np.concatenate([held, tail * np.linspace(1.0, 0.0, len(tail))])

    def play_stereo(
        self, bank: int, number: int, key: int, velocity: float, *, held_s: float, tail_s: float
    ) -> np.ndarray:
        """Return one note in stereo [shape=(2, frames), dtype=float32], whatever played before."""
        self._synth.sounds_off()
        self._generate(_FADING_S)
        held, tail = self._sound(bank, number, key, velocity, held_s=held_s, tail_s=tail_s)
        faded = tail * np.linspace(1.0, 0.0, len(tail), dtype=np.float32)[:, None]
        return np.ascontiguousarray(np.concatenate([held, faded]).T)

    def _sound(
        self, bank: int, number: int, key: int, velocity: float, *, held_s: float, tail_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a note while its key is held, and after it [shape=(frames, 2), dtype=float32]."""
        synth, drums = self._synth, bank == DRUM_BANK
        synth.sounds_off()
        synth.program_select(0, self._id, bank, number, drums)
        synth.noteon(0, key, max(1, round(127 * velocity)))
        held = self._generate(held_s)
        synth.noteoff(0, key)
        return held, self._generate(tail_s)

    def _generate(self, seconds: float) -> np.ndarray:
        frames = round(seconds * self._rate_hz)
        if not frames:
            return np.zeros((0, 2), np.float32)
        return np.frombuffer(self._synth.generate(frames), np.float32).reshape(frames, 2)


@cache
def load_font(path: Path, rate_hz: int) -> Font:
    """Return a font, read once."""
    return Font(path, rate_hz)
