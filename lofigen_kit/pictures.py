"""Pictures of sound and of training, as PNG. They need matplotlib, which is an extra."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def can_draw() -> bool:
    """Return whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def picture_of_sound(audio: AudioBuffer, title: str) -> bytes:
    """Return waveform and spectrogram, one above the other.

    Raises:
        InputError: without matplotlib.
    """
    mono, rate_hz = audio.mono().samples[0], audio.sample_rate_hz
    figure = _figure()
    wave, spectrogram = figure.subplots(2, 1, sharex=True)
    wave.plot(np.arange(audio.frames) / rate_hz, mono, linewidth=0.3)
    wave.set(title=title, ylabel="amplitude", ylim=(-1, 1))
    with np.errstate(divide="ignore"):  # silence is minus infinity dB, which is drawn as the floor
        spectrogram.specgram(mono, NFFT=2048, Fs=rate_hz, noverlap=1536, vmin=-140, vmax=-30)
    spectrogram.set(xlabel="time in s", ylabel="frequency in Hz")
    return _png(figure)


def picture_of_curve(
    curve: Sequence[tuple[float, ...]], validation: Sequence[dict[str, Any]], title: str
) -> bytes:
    """Return the loss over the updates.

    Args:
        curve: Rows that begin with the step and the loss.
        validation: Rows with `step` and `loss`, of songs held out.
        title: What stands above.

    Raises:
        InputError: without matplotlib.
    """
    figure = _figure()
    axes = figure.subplots()
    axes.plot([row[0] for row in curve], [row[1] for row in curve], label="training, smoothed")
    steps = [row["step"] for row in validation]
    axes.plot(steps, [row["loss"] for row in validation], "o-", label="songs held out")
    axes.set(title=title, xlabel="updates", ylabel="loss")
    axes.legend()
    return _png(figure)


def _figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "pictures need matplotlib", remedy="pip install 'lofigen-kit[plots]'"
        ) from None
    return Figure(figsize=(10, 6), layout="constrained")


def _png(figure: Figure) -> bytes:
    png = BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()
