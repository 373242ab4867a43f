"""Which sound each drum of a kit has, and how it is made ready to be struck."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lofigen_kit_plugins.instruments import drum_synthesis, sample_files

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Drum

VARIANTS_CENTS = (-9.0, -3.0, 3.0, 9.0)
"""No two strokes are tuned alike: the variants of each sound."""
PEAK: dict[Drum, float] = {
    "kick": 0.5, "snare": 0.42, "rim": 0.3, "hat": 0.2, "open-hat": 0.2, "ride": 0.18,
}  # fmt: skip
"""The peak of a stroke of velocity 1, of full scale: a kit's balance."""
PAN: dict[Drum, float] = {
    "kick": 0.0, "snare": 0.0, "rim": 0.15, "hat": -0.3, "open-hat": -0.3, "ride": 0.35,
}  # fmt: skip
"""Where each drum stands as the audience sees it: -1 is left."""
_BRIGHT_HZ: dict[Drum, float] = {
    "kick": 1200.0, "snare": 3000.0, "rim": 3000.0, "hat": 7000.0, "open-hat": 7000.0,
    "ride": 5000.0,
}  # fmt: skip
_DULL_DB = -11.0
"""What the softest stroke lacks above that."""
_WIDTH = 0.5
"""How much of a stereo recording's side is kept: the sum of both channels loses under 1 dB."""
_SILENCE = 0.02
_LEAD_FRAMES = 16
_FADE_S, _CUT_FADE_S = 0.005, 0.1
_SAMPLER_HZ, _SAMPLER_STEPS = 26_040, 2**11
"""Rate and depth (12 bits) of the E-mu SP-1200, the sampler of boom bap."""


@dataclass(frozen=True)
class Sound:
    """What a drum is made of.

    Attributes:
        name: A recording of `samples/`, or a synthesised drum.
        soft: The recording of the strokes below `SOFT_VELOCITY`, where there is one.
        semitones: How much higher than recorded it is tuned.
        length_s: Where it is faded out.
        crushed: Whether it goes through the 12-bit sampler.
    """

    name: str
    soft: str = ""
    semitones: float = 0.0
    length_s: float = 3.0
    crushed: bool = False


SOFT_VELOCITY = 0.55

KITS: dict[str, dict[Drum, Sound]] = {
    "dusty": {
        "kick": Sound("bd_fat"),
        "snare": Sound("sn_generic", length_s=0.4),
        "rim": Sound("perc_snap"),
        "hat": Sound("hat_tap"),
        "open-hat": Sound("hat_cats"),
        "ride": Sound("ride_via"),
    },
    "jazz": {
        "kick": Sound("bd_jazz"),
        "snare": Sound("drum_snare_hard", soft="drum_snare_soft"),
        "rim": Sound("cross-stick"),
        "hat": Sound("drum_cymbal_closed"),
        "open-hat": Sound("drum_cymbal_open"),
        "ride": Sound("ride_tri"),
    },
    "boom-bap": {
        "kick": Sound("drum_heavy_kick"),
        "snare": Sound("sn_dolf"),
        "rim": Sound("perc_snap2"),
        "hat": Sound("hat_cab"),
        "open-hat": Sound("hat_gump"),
        "ride": Sound("drum_cymbal_soft"),
    },
    "bedroom": {
        "kick": Sound("drum_bass_soft", length_s=0.4),
        "snare": Sound("sn_generic", semitones=-1.0, length_s=0.35),
        "rim": Sound("perc_snap", semitones=1.0),
        "hat": Sound("hat_snap"),
        "open-hat": Sound("hat_psych", semitones=2.0),
        "ride": Sound("hat_gnu"),
    },
    "808": {
        "kick": Sound("808-kick"),
        "snare": Sound("808-snare"),
        "rim": Sound("808-rim"),
        "hat": Sound("808-hat"),
        "open-hat": Sound("808-open-hat"),
        "ride": Sound("808-cymbal"),
    },
    "brush": {
        "kick": Sound("bd_jazz", semitones=-1.0),
        "snare": Sound("brush"),
        "rim": Sound("cross-stick", semitones=-2.0),
        "hat": Sound("drum_cymbal_pedal"),
        "open-hat": Sound("drum_cymbal_soft"),
        "ride": Sound("ride_tri", semitones=-1.0),
    },
    "lo-fi": {
        "kick": Sound("bd_boom", length_s=0.35, crushed=True),
        "snare": Sound("sn_dub", semitones=-3.0, crushed=True),
        "rim": Sound("perc_snap2", semitones=-2.0, crushed=True),
        "hat": Sound("hat_zild", semitones=-1.0, crushed=True),
        "open-hat": Sound("drum_cymbal_open", length_s=0.8, crushed=True),
        "ride": Sound("ride_via", semitones=-2.0, crushed=True),
    },
    "studio": {
        "kick": Sound("drum_bass_hard", soft="drum_bass_soft", length_s=0.5),
        "snare": Sound("drum_snare_hard", soft="drum_snare_soft", semitones=1.0),
        "rim": Sound("cross-stick", semitones=1.0),
        "hat": Sound("hat_mess"),
        "open-hat": Sound("drum_cymbal_hard", length_s=1.2),
        "ride": Sound("ride_via", semitones=1.0),
    },
}
LOUD_ONE_CHANNEL = ("hat_gnu",)
"""Recordings whose channels cancel each other: the first alone is heard."""


@cache
def prepare_stroke(
    kit: str, drum: Drum, variant: int, *, soft: bool, sample_rate_hz: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a drum as it sounds struck hard, and as softly as can be.

    Args:
        kit: One of `KITS`.
        drum: Which drum of it.
        variant: From 0, below the number of `VARIANTS_CENTS`.
        soft: Whether to take the recording of soft strokes.
        sample_rate_hz: Frames a second.

    Returns:
        Two of np.ndarray [shape=(2, frames), dtype=float32], read-only, of a peak of 1 where it is
        struck hard and stands in the middle.
    """
    import numpy as np
    from scipy import signal

    from lofigen_kit.api.dsp import high_shelf

    sound = KITS[kit][drum]
    tune = sound.semitones + VARIANTS_CENTS[variant] / 100.0
    wave = _read((soft and sound.soft) or sound.name, variant)
    if sound.crushed:
        wave = _crush(wave)
    wave = _trim(_tune(wave, tune, sample_rate_hz), sound.length_s, sample_rate_hz)
    wave /= np.abs(wave).max()
    shelf = np.array([high_shelf(_BRIGHT_HZ[drum], _DULL_DB, sample_rate_hz)])
    bright = place(wave, PAN[drum])
    dull = place(signal.sosfilt(shelf, wave, axis=1), PAN[drum])
    for array in (bright, dull):
        array.flags.writeable = False
    return bright, dull


def place(wave: np.ndarray, pan: float) -> np.ndarray:
    """Return a stereo sound between left (-1) and right (1) [shape=(2, frames), dtype=float32].

    A sound in the middle stays as it is; at the sides its power stays.
    """
    import numpy as np

    return np.asarray(np.sqrt([[1.0 - pan], [1.0 + pan]]) * wave, np.float32)


def _read(name: str, variant: int) -> np.ndarray:
    """Return a recording or a synthesised drum [shape=(2, frames)] at 44.1 kHz."""
    import numpy as np
    import soundfile

    if name in drum_synthesis.DRUMS:
        return np.tile(drum_synthesis.synthesise(name, variant), (2, 1))
    with (files(__package__) / "samples" / f"{name}.flac").open("rb") as file:
        samples, _ = soundfile.read(file, dtype="float64", always_2d=True)
    left, right = samples.T[0], samples.T[-1]
    if name in LOUD_ONE_CHANNEL:
        right = left
    middle, side = 0.5 * (left + right), 0.5 * (left - right)
    return np.stack([middle + _WIDTH * side, middle - _WIDTH * side])


def _crush(wave: np.ndarray) -> np.ndarray:
    """Return what the 12-bit sampler plays of a sound at 44.1 kHz."""
    import numpy as np

    low = _resample(wave / np.abs(wave).max(), drum_synthesis.RATE_HZ, _SAMPLER_HZ)
    return _resample(
        np.round(low * _SAMPLER_STEPS) / _SAMPLER_STEPS, _SAMPLER_HZ, drum_synthesis.RATE_HZ
    )


def _tune(wave: np.ndarray, semitones: float, sample_rate_hz: int) -> np.ndarray:
    """Return a sound at 44.1 kHz some semitones higher, at another rate."""
    return _resample(
        wave, round(drum_synthesis.RATE_HZ * 2.0 ** (semitones / 12.0)), sample_rate_hz
    )


def _resample(wave: np.ndarray, old_hz: int, new_hz: int) -> np.ndarray:
    import numpy as np

    from lofigen_kit.api.dsp import resample_samples

    frames = round(wave.shape[1] * new_hz / old_hz)
    samples = resample_samples(wave.astype(np.float32), old_hz, new_hz, frames)
    return np.asarray(samples, np.float64)


def _trim(wave: np.ndarray, length_s: float, sample_rate_hz: int) -> np.ndarray:
    """Return a sound from its onset on, of at most a length, without a click at either end."""
    import numpy as np

    level = np.abs(wave).max(axis=0)
    first = max(int(np.argmax(level > _SILENCE * level.max())) - _LEAD_FRAMES, 0)
    whole = wave.shape[1] - first
    wave = wave[:, first : first + round(length_s * sample_rate_hz)].copy()
    fade_s = _CUT_FADE_S if wave.shape[1] < whole else _FADE_S
    fade = min(round(fade_s * sample_rate_hz), wave.shape[1])
    wave[:, wave.shape[1] - fade :] *= np.linspace(1.0, 0.0, fade)
    lead = min(_LEAD_FRAMES, first)
    wave[:, :lead] *= np.linspace(0.0, 1.0, lead, endpoint=False)
    sample_files.end_in_silence(wave, sample_rate_hz)
    return wave
