"""Drum strokes of a part whose kit is known: all six kinds, told apart by how each sounds.

The spectrogram of the part is taken to be a sum of the kit's own strokes, each at its times:
non-negative matrix factor deconvolution (P. Smaragdis, "Non-negative matrix factor deconvolution",
ICA 2004) with fixed templates, by the multiplicative updates of the Kullback-Leibler divergence (D.
D. Lee and H. S. Seung, NIPS 2000). Templates learnt from single strokes are those of C. Dittmar and
D. Gärtner, "Real-time transcription and separation of drum recordings based on NMF decomposition"
(DAFx 2014). Once the times are found at which anything is struck, all other times are ruled out,
and the rest is factorised anew: so a tail is no row of small strokes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lofigen_kit.analysis.agreement import onset_f_measure, split_strokes
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Instrument
from lofigen_kit.components.instruments import SAMPLE_RATE_HZ
from lofigen_kit.dsp.resample import resample
from lofigen_kit.music.score import Drum, Hit, Score

HOP_S, WINDOW_S = 0.01, 0.03
BANDS = 128
LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0
TEMPLATE_S = 1.0
"""What rings on for longer is no longer followed."""
VELOCITIES = (0.25, 1.0)
"""Of the strokes that are learnt, dull and bright: what lies between is a sum of them."""
STROKES = 2
"""How many strokes of each velocity are learnt, as no two are alike."""
THRESHOLDS: dict[Drum, float] = {
    "kick": 0.1, "snare": 0.25, "rim": 0.15, "hat": 0.15, "open-hat": 0.15, "ride": 0.07,
}  # fmt: skip
"""The least height of a stroke, a full one being 1; found on renderings of `band`."""
APART_S = 0.06
LEAD_IN_S = 0.05
"""Silence put before the audio, so that a stroke on the first sample has a rising edge."""
PIECE_S, BEFORE_S = 30.0, 2.0
"""How much is factorised at a time, and how much before it is heard again."""

_CANDIDATE = 0.02
_FLATTEN = 0.7
"""How far bands are brought to one level: a hat is soft beside a kick, and bright."""
_ITERATIONS = 60
_TINY = 1e-9


@dataclass(frozen=True)
class DrumTemplates:
    """How the drums of a kit sound.

    Attributes:
        drums: The drum of each template.
        spectra: The magnitude of each band [shape=(templates, bands, frames)].
        sample_rate_hz: The rate of the audio that they stand for.
    """

    drums: tuple[Drum, ...]
    spectra: np.ndarray
    sample_rate_hz: int


def learn_templates(
    kit: Instrument, drums: Iterable[Drum], sample_rate_hz: int, root: Path | None = None
) -> DrumTemplates:
    """Return how a kit's drums sound, from single strokes, played as parts are, then resampled.

    Args:
        kit: What plays the part.
        drums: The kinds that may be heard.
        sample_rate_hz: The rate of the part.
        root: The folder of the kit's files.
    """
    owners, spectra = [], []
    frames = round(TEMPLATE_S / HOP_S)
    for drum in dict.fromkeys(drums):
        for velocity in VELOCITIES:
            for seed in range(STROKES):
                ctx = Context(np.random.default_rng(seed), root=root)
                hit = Hit(drum=drum, onset_s=0.0, velocity=velocity)
                wave = AudioBuffer(kit.play(hit, SAMPLE_RATE_HZ, ctx), SAMPLE_RATE_HZ).mono()
                wave = resample(wave, sample_rate_hz)
                heard = _measure_bands(wave.samples[0], sample_rate_hz, lead_in_s=0.0)[:, :frames]
                spectra.append(np.pad(heard, ((0, 0), (0, frames - heard.shape[1]))))
                owners.append(drum)
    return DrumTemplates(tuple(owners), np.array(spectra), sample_rate_hz)


def find_strokes(
    audio: AudioBuffer, templates: DrumTemplates
) -> dict[Drum, tuple[np.ndarray, np.ndarray]]:
    """Return the strokes of each drum of the templates.

    Args:
        audio: A drum part alone, of the templates' rate and any number of channels.
        templates: How the kit sounds.

    Returns:
        By drum, onsets in seconds, ascending [shape=(strokes,)], and heights, a full stroke being
        1 [shape=(strokes,)].

    Raises:
        ValueError: for audio of another rate than the templates'.
    """
    rate_hz = audio.sample_rate_hz
    if rate_hz != templates.sample_rate_hz:
        raise ValueError(f"the templates are for {templates.sample_rate_hz} Hz, not {rate_hz}")
    samples = np.asarray(audio.samples.mean(axis=0), np.float64)
    found: dict[Drum, list[np.ndarray]] = {drum: [] for drum in templates.drums}
    for start_s in np.arange(0.0, max(audio.duration_s, _TINY), PIECE_S):
        first_s = max(start_s - BEFORE_S, 0.0)
        piece = samples[round(first_s * rate_hz) : round((start_s + PIECE_S) * rate_hz)]
        for drum, heights in _find_heights(piece, templates).items():
            times_s, peaks = _pick(heights, THRESHOLDS[drum])
            times_s = times_s + first_s
            inside = (times_s >= start_s) & (times_s < start_s + PIECE_S)
            found[drum].append(np.stack([times_s, peaks])[:, inside])
    return {drum: tuple(np.concatenate(parts, axis=1)) for drum, parts in found.items()}


def select_drums(templates: DrumTemplates, drums: Container[Drum]) -> DrumTemplates:
    """Return the templates of some of the drums: those that may be heard."""
    rows = [row for row, drum in enumerate(templates.drums) if drum in drums]
    owners = tuple(templates.drums[row] for row in rows)
    return DrumTemplates(owners, templates.spectra[rows], templates.sample_rate_hz)


def measure_strokes(
    audio: AudioBuffer, score: Score, templates: DrumTemplates
) -> dict[Drum, float]:
    """Return how well the strokes that are found agree with a score, by drum.

    Args:
        audio: A drum part alone.
        score: Its score. Ghost notes may be found or not.
        templates: How the kit's drums sound.

    Returns:
        The F-measure of each drum's onsets within 50 ms, 0 to 1.
    """
    measures = {}
    for drum, (found_s, _) in find_strokes(audio, templates).items():
        plain_s, ghosts_s = split_strokes(score, drum)
        if len(plain_s):
            measures[drum] = onset_f_measure(plain_s, found_s, optional=ghosts_s)
    return measures


def _measure_bands(samples: np.ndarray, rate_hz: int, *, lead_in_s: float) -> np.ndarray:
    """Return the magnitude of each band every 10 ms [shape=(bands, frames)]."""
    size, lead_in = round(WINDOW_S * rate_hz), round(lead_in_s * rate_hz)
    frames = int(np.ceil((len(samples) / rate_hz + lead_in_s) / HOP_S)) + 1
    starts = np.round(np.arange(frames) * HOP_S * rate_hz).astype(int)
    padded = np.zeros(starts[-1] + 2 * size)
    padded[size // 2 + lead_in :][: len(samples)] = samples[: len(padded) - size // 2 - lead_in]
    windows = padded[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    return np.asarray(np.sqrt(power @ _make_bands(size, rate_hz).T).T / size)


def _make_bands(size: int, rate_hz: int) -> np.ndarray:
    """Return triangular bands, equally wide in mel [shape=(bands, bins)].

    A band narrower than a bin has the bin that is nearest.
    """
    bins_hz = np.fft.rfftfreq(size, 1.0 / rate_hz)
    lowest, highest = 2595.0 * np.log10(
        1.0 + np.array([LOWEST_HZ, min(HIGHEST_HZ, 0.475 * rate_hz)]) / 700.0
    )
    edges_hz = 700.0 * (10.0 ** (np.linspace(lowest, highest, BANDS + 2) / 2595.0) - 1.0)
    low, middle, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    bands = np.clip(
        np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)), 0.0, None
    )
    narrow = bands.sum(axis=1) == 0
    nearest = np.abs(bins_hz - middle).argmin(axis=1)
    bands[narrow, nearest[narrow]] = 1.0
    return np.asarray(bands)


def _find_heights(samples: np.ndarray, templates: DrumTemplates) -> dict[Drum, np.ndarray]:
    """Return by drum how strongly it is struck in each frame, a full stroke being 1."""
    heard = _measure_bands(samples, templates.sample_rate_hz, lead_in_s=LEAD_IN_S)
    level = heard.mean(axis=1)
    if not level.any():
        return {drum: np.zeros(heard.shape[1]) for drum in templates.drums}
    gains = (1.0 / np.maximum(level, 1e-3 * level.max()) ** _FLATTEN)[:, None]
    spectra = templates.spectra * gains
    sizes = spectra.sum(axis=(1, 2))
    factorise = _Factoriser(heard * gains, spectra / sizes[:, None, None])
    start = np.full((len(spectra), heard.shape[1]), factorise.total / spectra.shape[0])
    shares = factorise(start / heard.shape[1], _ITERATIONS)
    struck = np.zeros(heard.shape[1], bool)
    for heights in _sum_by_drum(shares, templates.drums, sizes).values():
        at, _ = _find_peaks(heights, _CANDIDATE, 5)
        for near in (-1, 0, 1):
            struck[np.clip(at + near, 0, len(struck) - 1)] = True
    shares = np.where(struck, np.maximum(shares, 1e-4 * shares.max()), 0.0)
    return _sum_by_drum(factorise(shares, _ITERATIONS), templates.drums, sizes)


class _Factoriser:
    """Updates how much of each template is in each frame, its spectrogram being given.

    Args:
        heard: The spectrogram [shape=(bands, frames)].
        spectra: The templates, each with the sum 1 [shape=(templates, bands, frames)].
    """

    def __init__(self, heard: np.ndarray, spectra: np.ndarray) -> None:
        from scipy.fft import next_fast_len, rfft

        self._heard = np.asarray(heard, np.float32)
        self._size = next_fast_len(heard.shape[1] + spectra.shape[2], real=True)
        spectrum = rfft(np.asarray(spectra, np.float32), self._size, axis=2)
        self._templates = np.ascontiguousarray(spectrum.transpose(2, 1, 0))
        self.total = float(heard.sum())

    def __call__(self, shares: np.ndarray, iterations: int) -> np.ndarray:
        """Return shares that fit better [shape=(templates, frames)]; those that are 0 stay so."""
        from scipy.fft import irfft, rfft

        frames = self._heard.shape[1]
        shares = np.asarray(shares, np.float32)
        for _ in range(iterations):
            columns = rfft(shares, self._size, axis=1).T[:, :, None]
            model = irfft((self._templates @ columns)[:, :, 0].T, self._size, axis=1)[:, :frames]
            ratio = rfft(self._heard / np.maximum(model, _TINY), self._size, axis=1)
            # Correlation is convolution with the conjugate spectrum.
            rows = self._templates.transpose(0, 2, 1) @ ratio.conj().T[:, :, None]
            better = irfft(rows[:, :, 0].conj().T, self._size, axis=1)[:, :frames]
            shares = shares * np.maximum(better, 0.0)
        return np.asarray(shares)


def _sum_by_drum(
    shares: np.ndarray, drums: tuple[Drum, ...], sizes: np.ndarray
) -> dict[Drum, np.ndarray]:
    """Return the sum over a drum's templates and neighbouring frames; a full stroke gives 1."""
    heights = {}
    for drum in dict.fromkeys(drums):
        own = [number for number, owner in enumerate(drums) if owner == drum]
        full = sizes[own[-STROKES:]].mean()
        heights[drum] = np.convolve(shares[own].sum(axis=0) / full, np.ones(3), "same")
    return heights


def _find_peaks(heights: np.ndarray, least: float, apart: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.signal import find_peaks

    at, _ = find_peaks(np.pad(heights, 1), height=least, distance=apart)
    return at - 1, heights[at - 1]


def _pick(heights: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of strokes in seconds, and their heights."""
    at, peaks = _find_peaks(heights, least, round(APART_S / HOP_S))
    return np.maximum(at * HOP_S - LEAD_IN_S, 0.0), peaks
