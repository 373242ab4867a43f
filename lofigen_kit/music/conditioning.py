"""From a score to the network's guide: what it hears, at sample rate, beside its own past.

Pitch is given as excitation: the sum over sounding notes of envelope * sin(2 pi f t), the same
with cos, and the envelope alone. This is the idea of the neural source-filter model (Wang, Takaki
and Yamagishi, 2019): the network shapes a signal that already has the right pitch, instead of
finding the pitch by itself. Above the fundamental, each harmonic of a part is a channel of its
own: a network that had to bend them out of the sum of several notes would also hear the sums and
differences of their pitches, as any distortion does. Drums are a pulse for each kind, from which
its layers can draw a stroke as filters do, and two decays, which tell how long ago it fell. Who
plays is a channel for each instrument that the network was trained on, held through the piece, and
silent where the instruments are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from lofigen_kit.errors import CheckpointError
from lofigen_kit.music.score import Drum, Hit, Note, Score

PART_DECAY_S = {"chords": 1.1, "bass": 0.6}
"""How fast a held note of each part fades; instruments that follow these are easiest to learn."""

DRUM_DECAYS_S: dict[Drum, tuple[float, float]] = {
    "kick": (0.02, 0.12),
    "snare": (0.02, 0.10),
    "hat": (0.01, 0.05),
}
CHANNEL_PARTS = {"chords": "keys", "bass": "bass"}
"""Which part of a score each family of channels carries. A part without channels is not played."""

CHANNEL_DRUMS: dict[Drum, tuple[Drum, ...]] = {
    "kick": ("kick",),
    "snare": ("snare", "rim"),
    "hat": ("hat", "open-hat", "ride"),
}
"""Which drums each drum's channels carry: a network that knows three drums plays the nearest."""

DRUM_RING = 7.0
"""For how many of its decays a stroke is heard."""

HARMONICS = (2, 3, 4, 5)
HARMONIC_DECAY_S = 0.5
"""The higher a harmonic, the sooner it fades: harmonic k in a (k - 1)th of this time."""
HIGHEST = 0.45
"""The highest pitch on a channel, of the sample rate."""

ATTACK_S, RELEASE_S = 0.004, 0.05
GAIN = 0.4
PULSE_LEVEL = 4.0
"""High: one sample has to say as much as a decay of hundreds."""

CHANNELS = (
    *(f"{drum}.{shape}" for drum in DRUM_DECAYS_S for shape in ("fast", "slow", "pulse")),
    *(f"{part}.{wave}" for part in PART_DECAY_S for wave in ("sin", "cos", "env")),
    *(f"{part}.sin{harmonic}" for part in PART_DECAY_S for harmonic in HARMONICS),
)
"""What is played, in the order in which shipped networks take it."""

INSTRUMENT_PREFIX = "plays."
"""How the channels of instruments begin: `plays.kit:jazz`."""

INSTRUMENT_LEVEL = 0.25
"""Small: a constant at full level works as a second bias and unsettles the first updates."""

_WAVES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "sin": (np.sin, 1),
    "cos": (np.cos, 1),
    "env": (np.ones_like, 1),
    **{f"sin{harmonic}": (np.sin, harmonic) for harmonic in HARMONICS},
}
"""By the shape that a channel is named after: the wave, and which harmonic of the note it is."""


def channel_names(scores: Iterable[Score]) -> tuple[str, ...]:
    """Return the channels for a corpus: what is played, and every instrument that plays in it."""
    instruments = {name for score in scores for name in score.instruments}
    return (*CHANNELS, *(INSTRUMENT_PREFIX + name for name in sorted(instruments)))


def envelope(elapsed_s: np.ndarray, duration_s: float, decay_s: float) -> np.ndarray:
    """Return a plucked note's level: a short attack, exponential decay, and a short release.

    Args:
        elapsed_s: Time since the note began [shape=(frames,)]; not negative.
        duration_s: How long the key is held; the release follows.
        decay_s: The time in which a held note falls by a factor of e.
    """
    attack = np.minimum(elapsed_s / ATTACK_S, 1.0)
    release = np.clip(1.0 - (elapsed_s - duration_s) / RELEASE_S, 0.0, 1.0)
    return np.asarray(attack * release * np.exp(-elapsed_s / decay_s))


def render_conditioning(
    score: Score, names: tuple[str, ...], *, start: int, frames: int, sample_rate_hz: int
) -> np.ndarray:
    """Return the guide of a stretch of a score.

    Args:
        score: What is played. A looped score is circular: its guide goes round.
        names: Which channels: of `CHANNELS`, or an instrument's.
        start: The first sample, counted from bar 1; negative is what comes before it.
        frames: How many samples.
        sample_rate_hz: The network's rate.

    Returns:
        np.ndarray [shape=(len(names), frames), dtype=float32].

    Raises:
        CheckpointError: for a channel that this version does not know.
    """
    if unknown := [n for n in names if n not in CHANNELS and not n.startswith(INSTRUMENT_PREFIX)]:
        raise CheckpointError(
            f"the network wants the guide channel {unknown[0]!r}, which is not known here",
            remedy="install the version of lofigen-kit that trained it",
        )
    length = round(score.duration_s * sample_rate_hz) if score.loop else max(start + frames, 0)
    canvas = np.zeros((len(names), length), dtype=np.float64)
    for row, name in enumerate(names):
        if name.startswith(INSTRUMENT_PREFIX):
            canvas[row] = INSTRUMENT_LEVEL * (
                name.removeprefix(INSTRUMENT_PREFIX) in score.instruments
            )
            continue
        instrument, shape = name.split(".")
        for first, wave in _iterate_waves(score, instrument, shape, sample_rate_hz):
            _add(canvas[row], wave, first, wrap=score.loop)
    index = np.arange(start, start + frames)
    if score.loop:
        return canvas[:, index % length].astype(np.float32)
    out = np.zeros((len(names), frames), dtype=np.float32)
    out[:, index >= 0] = canvas[:, index[index >= 0]]
    return out


class StreamingConditioning:
    """The guide of a piece that is written as it is played, bar after bar.

    What rings past the end of a bar rings into the next, whatever is played there. Nothing is kept
    but that.

    Args:
        names: Which channels.
        sample_rate_hz: The network's rate.
    """

    def __init__(self, names: tuple[str, ...], sample_rate_hz: int) -> None:
        self._names = names
        self._rate_hz = sample_rate_hz
        self._ringing = np.zeros((len(names), 0), np.float32)

    def carry_tail(self, score: Score) -> None:
        """Let what rings past the end of a score ring into the first bar."""
        frames = round(score.duration_s * self._rate_hz)
        self._ringing = self._render_score(score, _compute_end_s(score))[:, frames:].copy()
        self._ringing[_find_instrument_rows(self._names)] = 0.0

    def render_bar(self, score: Score, frames: int) -> np.ndarray:
        """Return the guide of the next bar [shape=(len(names), frames), dtype=float32].

        Args:
            score: What begins in it, in seconds from its first sample.
            frames: How long it is.
        """
        seconds = max(_compute_end_s(score), frames / self._rate_hz)
        drawn = self._render_score(score, max(seconds, self._ringing.shape[1] / self._rate_hz))
        drawn[_find_instrument_rows(self._names), frames:] = 0.0
        drawn[:, : self._ringing.shape[1]] += self._ringing
        self._ringing = drawn[:, frames:].copy()
        return drawn[:, :frames]

    def _render_score(self, score: Score, seconds: float) -> np.ndarray:
        return render_conditioning(
            score.model_copy(update={"loop": False}),
            self._names,
            start=0,
            frames=int(np.ceil(seconds * self._rate_hz)) + 1,
            sample_rate_hz=self._rate_hz,
        )


def _compute_end_s(score: Score) -> float:
    """Return when the last event of a score has died away."""
    notes = (note.onset_s + note.duration_s + RELEASE_S for note in score.notes)
    ring_s = DRUM_RING * max(max(decays_s) for decays_s in DRUM_DECAYS_S.values())
    hits = (hit.onset_s + ring_s for hit in score.hits)
    return max((score.duration_s, *notes, *hits))


def _find_instrument_rows(names: tuple[str, ...]) -> list[int]:
    """Return the rows that say who plays, and not what."""
    return [row for row, name in enumerate(names) if name.startswith(INSTRUMENT_PREFIX)]


def _iterate_waves(
    score: Score, instrument: str, shape: str, rate: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first sample of each event and its waveform on the channel."""
    if instrument in CHANNEL_PARTS:
        for note in score.notes:
            if note.part == CHANNEL_PARTS[instrument]:
                wave = _note_wave(note, shape, PART_DECAY_S[instrument], rate)
                yield _first_sample(note.onset_s, rate), wave
        return
    drums = next(drums for drum, drums in CHANNEL_DRUMS.items() if drum == instrument)
    for hit in score.hits:
        if hit.drum not in drums:
            continue
        if shape == "pulse":
            yield int(hit.onset_s * rate), _pulse(hit, rate)
        else:
            decay_s = DRUM_DECAYS_S[drums[0]][("fast", "slow").index(shape)]
            yield _first_sample(hit.onset_s, rate), _drum_decay(hit, decay_s, rate)


def _first_sample(onset_s: float, rate: int) -> int:
    """Return the first whole sample that is not before an onset."""
    return int(np.ceil(onset_s * rate))


def _elapsed_s(onset_s: float, duration_s: float, rate: int) -> np.ndarray:
    """Return the time since an onset at every whole sample after it: onsets fall between them."""
    first = _first_sample(onset_s, rate)
    return np.asarray((first + np.arange(round(duration_s * rate))) / rate - onset_s)


def _pulse(hit: Hit, rate: int) -> np.ndarray:
    """Return a pulse that the two samples around the onset share, the nearer more of it."""
    late = hit.onset_s * rate % 1.0
    return np.asarray(PULSE_LEVEL * hit.velocity * np.array([1.0 - late, late]))


def _drum_decay(hit: Hit, decay_s: float, rate: int) -> np.ndarray:
    elapsed = _elapsed_s(hit.onset_s, DRUM_RING * decay_s, rate)
    return np.asarray(hit.velocity * np.exp(-elapsed / decay_s))


def _note_wave(note: Note, shape: str, decay_s: float, rate: int) -> np.ndarray:
    elapsed = _elapsed_s(note.onset_s, note.duration_s + RELEASE_S, rate)
    level = GAIN * note.velocity * envelope(elapsed, note.duration_s, decay_s)
    wave, harmonic = _WAVES[shape]
    pitch_hz = harmonic * note.frequency_hz
    if pitch_hz > HIGHEST * rate:
        return np.zeros_like(elapsed)
    level = level * np.exp(-(harmonic - 1) * elapsed / HARMONIC_DECAY_S)
    return np.asarray(level * wave(2.0 * np.pi * pitch_hz * elapsed))


def _add(row: np.ndarray, wave: np.ndarray, first: int, *, wrap: bool) -> None:
    """Add a waveform from a sample on; what runs past the end goes round, or is cut."""
    if not wrap:
        count = min(len(wave), max(len(row) - first, 0))
        row[first : first + count] += wave[:count]
        return
    first %= len(row)
    wave = wave[: len(row)]
    head = min(len(wave), len(row) - first)
    row[first : first + head] += wave[:head]
    row[: len(wave) - head] += wave[head:]
