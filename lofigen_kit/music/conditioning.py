"""From a score to the network's guide: what it hears, at sample rate, beside its own past.

Pitch is given as excitation: the sum over sounding notes of envelope * sin(2 pi f t), the same
with cos, and the envelope alone. This is the idea of the neural source-filter model (Wang, Takaki
and Yamagishi, 2019): the network shapes a signal that already has the right pitch, instead of
finding the pitch by itself. Above the fundamental, each harmonic is a channel of its own: a network
that had to bend them out of the sum of several notes would also hear the sums and differences of
their pitches, as any distortion does. Drums are pulses, from which its layers can draw a stroke as
filters do, and decays, which tell how long ago it fell. Who plays is a channel for each instrument
that the network was trained on, held through the piece, and silent where the instruments are
unknown. Channels of noise are envelopes until `excite_noise` puts noise under them: what they say
then depends on the score and on a stream of random numbers.

Which channels there are depends on what a network plays: a mix (`mix_channels`) or each part alone
(`part_channels`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lofigen_kit.errors import CheckpointError
from lofigen_kit.music import mix_channels, part_channels
from lofigen_kit.music.excitation import RELEASE_S, RING, Event
from lofigen_kit.music.score import Score

INSTRUMENT_PREFIX = "plays."
"""How the channels of instruments begin: `plays.kit:jazz`."""

INSTRUMENT_LEVEL = 0.25
"""Small: a constant at full level works as a second bias and unsettles the first updates."""

PIECE_S = 4.0
"""How much of a guide is rendered at a time."""
_MARGIN_S = 0.01
"""Onsets fall between samples, and lengths are rounded."""
LONGEST_RING_S = RING * max(
    *(ms / 1000 for decays_ms in part_channels.DECAYS_MS.values() for ms in decays_ms),
    *(decay_s for decays_s in mix_channels.DRUM_DECAYS_S.values() for decay_s in decays_s),
    part_channels.TONE_DECAY_S,
)


def channel_names(scores: Iterable[Score], *, by_part: bool = False) -> tuple[str, ...]:
    """Return the channels for a corpus: what is played, and every instrument that plays in it.

    Args:
        scores: Those of the corpus.
        by_part: Whether each is of one part alone.
    """
    instruments = {name for score in scores for name in score.instruments}
    played = part_channels.CHANNELS if by_part else mix_channels.CHANNELS
    return (*played, *(INSTRUMENT_PREFIX + name for name in sorted(instruments)))


def plays_parts(names: Iterable[str]) -> bool:
    """Return whether a network with these channels plays each part alone, and not the mix."""
    return any(name in part_channels.CHANNELS for name in names)


def render_conditioning(
    score: Score, names: tuple[str, ...], *, start: int, frames: int, sample_rate_hz: int
) -> np.ndarray:
    """Return the guide of a stretch of a score.

    Args:
        score: What is played. A looped score is circular: its guide goes round.
        names: Which channels: of a mix, of parts, or an instrument's.
        start: The first sample, counted from bar 1; negative is what comes before it.
        frames: How many samples.
        sample_rate_hz: The network's rate.

    Returns:
        np.ndarray [shape=(len(names), frames), dtype=float32].

    Raises:
        CheckpointError: for a channel that this version does not know.
    """
    if unknown := [n for n in names if not _is_known(n)]:
        raise CheckpointError(
            f"the network wants the guide channel {unknown[0]!r}, which is not known here",
            remedy="install the version of lofigen-kit that trained it",
        )
    stretch = _Stretch(
        start=start,
        frames=frames,
        period=round(score.duration_s * sample_rate_hz) if score.loop else 0,
        rate_hz=sample_rate_hz,
    )
    heard = stretch.select_events(score)
    out = np.zeros((len(names), frames), dtype=np.float32)
    for row, name in zip(out, names, strict=True):
        row[:] = _render_channel(heard, name, stretch)
    return out


def iterate_conditioning(
    score: Score, names: tuple[str, ...], *, start: int, frames: int, sample_rate_hz: int
) -> Iterator[np.ndarray]:
    """Yield the guide of a stretch of a score in pieces: a song's whole guide would fill gigabytes.

    The arguments are those of `render_conditioning`, which gives the same numbers.

    Yields:
        np.ndarray [shape=(len(names), any), dtype=float32].
    """
    size = round(PIECE_S * sample_rate_hz)
    for first in range(start, start + frames, size):
        yield render_conditioning(
            score,
            names,
            start=first,
            frames=min(size, start + frames - first),
            sample_rate_hz=sample_rate_hz,
        )


def excite_noise(
    pieces: Iterable[np.ndarray], names: Sequence[str], noise: np.random.Generator | np.ndarray
) -> Iterator[np.ndarray]:
    """Yield a guide with white noise under the envelopes of its channels of noise.

    Args:
        pieces: The guide, from left to right [shape=(len(names), any), dtype=float32]; changed in
            place.
        names: Its channels.
        noise: The noise, of deviation 1 [shape=(all frames,)]; or what draws it, one number for
            each frame, however the pieces are cut.

    Yields:
        The same pieces.
    """
    rows, done = find_noise_rows(names), 0
    for piece in pieces:
        frames = piece.shape[1]
        if rows and isinstance(noise, np.random.Generator):
            piece[rows] *= noise.standard_normal(frames, dtype=np.float32)
        elif rows:
            piece[rows] *= np.asarray(noise)[done : done + frames]
        done += frames
        yield piece


def find_noise_rows(names: Sequence[str]) -> list[int]:
    """Return which channels of a guide are envelopes of noise."""
    return [row for row, name in enumerate(names) if part_channels.is_noise(name)]


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
    hits = (hit.onset_s + LONGEST_RING_S for hit in score.hits)
    return max((score.duration_s, *notes, *hits))


def _find_instrument_rows(names: tuple[str, ...]) -> list[int]:
    """Return the rows that say who plays, and not what."""
    return [row for row, name in enumerate(names) if name.startswith(INSTRUMENT_PREFIX)]


@dataclass(frozen=True)
class _Stretch:
    """A stretch of a score, in samples from bar 1.

    Attributes:
        start: Its first sample.
        frames: How many it has.
        period: How many the score has, where it is a loop; else 0.
        rate_hz: Samples a second.
    """

    start: int
    frames: int
    period: int
    rate_hz: int

    def select_events(self, score: Score) -> Score:
        """Return the score without what is surely not heard in it."""
        start_s, length_s = self.start / self.rate_hz, self.frames / self.rate_hz

        def is_heard(onset_s: float, sounding_s: float) -> bool:
            since_s = onset_s - start_s
            if not score.loop:
                return -sounding_s <= since_s <= length_s
            since_s %= score.duration_s
            return since_s <= length_s or since_s + sounding_s >= score.duration_s

        notes = (
            n for n in score.notes if is_heard(n.onset_s, n.duration_s + RELEASE_S + _MARGIN_S)
        )
        hits = (h for h in score.hits if is_heard(h.onset_s, LONGEST_RING_S + _MARGIN_S))
        return score.model_copy(update={"notes": tuple(notes), "hits": tuple(hits)})

    def add(self, row: np.ndarray, wave: np.ndarray, first: int) -> None:
        """Add a waveform that begins at a sample; in a loop, wherever it comes round."""
        if not self.period:
            _add(row, wave, first - self.start)
            return
        wave = wave[: self.period]
        place = first % self.period - self.start
        # The first of its places at which it is not over before the stretch begins.
        place -= (place + len(wave) - 1) // self.period * self.period
        for offset in range(place, self.frames, self.period):
            _add(row, wave, offset)


def _render_channel(score: Score, name: str, stretch: _Stretch) -> np.ndarray:
    """Return one channel of a stretch [shape=(frames,), dtype=float64]."""
    canvas = np.zeros(stretch.frames)
    if name.startswith(INSTRUMENT_PREFIX):
        if name.removeprefix(INSTRUMENT_PREFIX) in score.instruments:
            before = 0 if stretch.period else max(0, -stretch.start)
            canvas[before:] = INSTRUMENT_LEVEL
        return canvas
    for first, wave in _iterate_events(score, name, stretch.rate_hz):
        stretch.add(canvas, wave, first)
    return canvas


def _is_known(name: str) -> bool:
    known = (*mix_channels.CHANNELS, *part_channels.CHANNELS)
    return name in known or name.startswith(INSTRUMENT_PREFIX)


def _iterate_events(score: Score, name: str, rate: int) -> Iterable[Event]:
    if name in mix_channels.CHANNELS:
        return mix_channels.iterate_events(score, name, rate)
    return part_channels.iterate_events(score, name, rate)


def _add(row: np.ndarray, wave: np.ndarray, offset: int) -> None:
    """Add a waveform from a sample on; what lies before the beginning or past the end is cut."""
    wave = wave[max(0, -offset) :]
    offset = max(0, offset)
    count = min(len(wave), max(len(row) - offset, 0))
    row[offset : offset + count] += wave[:count]
