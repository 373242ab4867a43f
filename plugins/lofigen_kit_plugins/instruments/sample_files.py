"""Samples of the user's own: which files a folder has, and their sound, ready to be played."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lofigen_kit.api import InputError, resolve_inside

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".wav", ".flac", ".ogg", ".aif", ".aiff", ".mp3")
MAX_FILES = 2000
MAX_SAMPLE_S = 60.0
LAYER_SPREAD_DB = 3.0
"""Files of one sound that differ by more are layers of velocity, others take turns."""
_KEPT = 96
_SILENCE = 0.01
_LEAD_FRAMES = 16
_FADE_S = 0.01
_LOUD_S = 0.4
_PITCHES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_NOTE = re.compile(r"(?<![a-z0-9#])([a-g])(#|♯|b|♭|s(?=\d|-\d))?(-?\d)(?![0-9a-z#])", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![0-9.a-z])(\d{1,3})(?![0-9.a-z])", re.IGNORECASE)
END_S = 0.015


def list_samples(root: Path | None, path: str) -> list[Path]:
    """Return the sound files of a folder by name, without hidden ones and those of folders in it.

    Args:
        root: The preset's folder; None for a path that the user typed.
        path: The folder.

    Raises:
        InputError: if it cannot be read, has no sound files or too many, or one of them is a link
            that leaves the preset's folder.
    """
    folder = resolve_inside(root, path)
    try:
        found = [entry.name for entry in islice(folder.iterdir(), MAX_FILES + 1)]
    except (OSError, ValueError) as error:
        raise InputError(
            f"the folder cannot be read ({getattr(error, 'strerror', None) or error})",
            where=path,
            remedy="check the path",
        ) from None
    if len(found) > MAX_FILES:
        raise InputError(f"more than {MAX_FILES} files", where=path, remedy="choose a smaller set")
    names = sorted(n for n in found if Path(n).suffix.lower() in SUFFIXES and n[0] != ".")
    if not names:
        raise InputError(
            "the folder holds no samples", where=path, remedy=f"put {', '.join(SUFFIXES)} into it"
        )
    return [resolve_inside(root, str(Path(path) / name)) for name in names]


def find_note(stem: str) -> int | None:
    """Return the MIDI number of the note that a file's name has, or None where it has none.

    `piano_C3`, `A#4 soft` and `Bb2` name a note, of which the last counts; `60` and `kalimba 072`
    give its number. C4 is 60.
    """
    if names := _NOTE.findall(stem):
        letter, accidental, octave = names[-1]
        shift = {"": 0, "b": -1, "♭": -1}.get(accidental.lower(), 1)
        number = _PITCHES[letter.lower()] + shift + 12 * (int(octave) + 1)
        return number if 0 <= number <= 127 else None
    numbers = [int(text) for text in _NUMBER.findall(stem)]
    return numbers[-1] if numbers and numbers[-1] <= 127 else None


def load_sample(path: Path) -> tuple[np.ndarray, int]:
    """Return a sample from its onset on, with a peak of 1, and its rate.

    Returns:
        np.ndarray [shape=(2, frames), dtype=float32], read-only, and frames a second.

    Raises:
        AudioError: naming the file, if it cannot be read or is longer than a minute.
        InputError: if it is silent.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _load(path, 0, 0)  # which says what is the matter
    return _load(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_KEPT)
def _load(path: Path, _modified_ns: int, _size: int) -> tuple[np.ndarray, int]:
    import numpy as np

    from lofigen_kit.api import read_audio

    audio = read_audio(path, max_duration_s=MAX_SAMPLE_S).stereo()
    level = np.abs(audio.samples).max(axis=0)
    if not level.max():
        raise InputError("the sample is silent", where=path, remedy="take it out of the folder")
    first = max(int(np.argmax(level > _SILENCE * level.max())) - _LEAD_FRAMES, 0)
    samples = audio.samples[:, first:] / level.max()
    lead = min(_LEAD_FRAMES, first)
    samples[:, :lead] *= np.linspace(0.0, 1.0, lead, endpoint=False)
    fade_out(samples, round(_FADE_S * audio.sample_rate_hz))
    samples.flags.writeable = False
    return samples, audio.sample_rate_hz


def fade_out(samples: np.ndarray, frames: int) -> None:
    """Fade the end of a sound out by a square, in place."""
    import numpy as np

    frames = min(frames, samples.shape[1])
    samples[:, samples.shape[1] - frames :] *= np.linspace(1.0, 0.0, frames, dtype=np.float32) ** 2


def end_in_silence(samples: np.ndarray, sample_rate_hz: int) -> None:
    """Fade out the last 15 ms in place, by a fourth power, so that no end of a recording clicks."""
    import numpy as np

    frames = min(round(END_S * sample_rate_hz), samples.shape[-1])
    if frames:
        fade = np.linspace(1.0, 0.0, frames, dtype=samples.dtype) ** 4
        samples[..., -frames:] *= fade


def transpose(
    samples: np.ndarray, old_hz: int, new_hz: int, semitones: float, *, longest_s: float
) -> np.ndarray:
    """Return a sound at another rate, some semitones higher and as much shorter.

    Args:
        samples: [shape=(channels, frames), dtype=float32] at `old_hz`.
        old_hz: Their rate.
        new_hz: The rate of what is returned.
        semitones: How much higher.
        longest_s: What lies behind is left out.
    """
    import numpy as np

    from lofigen_kit.api.dsp import resample_samples

    # Read faster, it is higher. A multiple of 1000 keeps the ratio to a thousandth of a cent.
    read_hz = round(1000 * old_hz * 2.0 ** (semitones / 12.0))
    needed = int(longest_s * read_hz / 1000) + 1
    samples = samples[:, :needed]
    frames = max(1, round(samples.shape[1] * 1000 * new_hz / read_hz))
    resampled = np.array(resample_samples(samples, read_hz, 1000 * new_hz, frames))
    end_in_silence(resampled, new_hz)
    return resampled


def sort_layers(paths: list[Path]) -> tuple[list[Path], bool]:
    """Return files of one sound from the softest to the loudest, and whether they are layers.

    They are where they differ by more than `LAYER_SPREAD_DB`; else they are as loud, and take
    turns.
    """
    if len(paths) == 1:
        return paths, False
    levels = {path: _measure_level_db(path) for path in paths}
    ordered = sorted(paths, key=lambda path: (levels[path], path.name))
    return ordered, levels[ordered[-1]] - levels[ordered[0]] > LAYER_SPREAD_DB


def choose_layer(paths: list[Path], velocity: float, rng: np.random.Generator) -> Path:
    """Return which file of one sound is played: by velocity, or in turn by chance."""
    ordered, layered = sort_layers(paths)
    turn = int(rng.integers(len(ordered)))  # drawn either way, so that all else stays the same
    if layered:
        return ordered[min(int(velocity * len(ordered)), len(ordered) - 1)]
    return ordered[turn]


def _measure_level_db(path: Path) -> float:
    """Return the RMS level of a file's loud beginning, as it was recorded."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _level_db(path, 0, 0)
    return _level_db(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=MAX_FILES)
def _level_db(path: Path, _modified_ns: int, _size: int) -> float:
    import numpy as np

    from lofigen_kit.api import read_audio

    audio = read_audio(path, max_duration_s=MAX_SAMPLE_S)
    loud = audio.samples[:, : round(_LOUD_S * audio.sample_rate_hz)]
    return float(10.0 * np.log10(np.mean(loud.astype(np.float64) ** 2) + 1e-20))
