"""From a score to the network's guide: what it hears, at sample rate, beside its own past.

Pitch is given as excitation: the sum over sounding notes of envelope * sin(2 pi f t), the same
with cos, and the envelope alone. This is the idea of the neural source-filter model (Wang, Takaki
and Yamagishi, 2019): the network shapes a signal that already has the right pitch, instead of
finding the pitch by itself. Above the fundamental, each harmonic is a channel of its own: a network
that had to bend them out of the sum of several notes would also hear the sums and differences of
their pitches, as any distortion does. Drums are pulses, from which its layers can draw a stroke as
filters do, and decays, which tell how long ago it fell. Who plays is a channel for each instrument
that the network was trained on, held through the piece, and silent where the instruments are
unknown.

Which channels there are depends on what a network plays: a mix (`mix_channels`) or each part alone
(`part_channels`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lofigen_kit.errors import CheckpointError
from lofigen_kit.music import mix_channels, part_channels
from lofigen_kit.music.excitation import RELEASE_S, RING, Event
from lofigen_kit.music.score import Score

INSTRUMENT_PREFIX = "plays."
"""How the channels of instruments begin: `plays.kit:jazz`."""

INSTRUMENT_LEVEL = 0.25
"""Small: a constant at full level works as a second bias and unsettles the first updates."""

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
    length = round(score.duration_s * sample_rate_hz) if score.loop else max(start + frames, 0)
    index = np.arange(start, start + frames)
    heard = slice(None) if score.loop else index >= 0
    index = index % length if score.loop else index[heard]
    out = np.zeros((len(names), frames), dtype=np.float32)
    for row, name in zip(out, names, strict=True):
        row[heard] = _render_channel(score, name, length, sample_rate_hz)[index]
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
    hits = (hit.onset_s + LONGEST_RING_S for hit in score.hits)
    return max((score.duration_s, *notes, *hits))


def _find_instrument_rows(names: tuple[str, ...]) -> list[int]:
    """Return the rows that say who plays, and not what."""
    return [row for row, name in enumerate(names) if name.startswith(INSTRUMENT_PREFIX)]


def _render_channel(score: Score, name: str, frames: int, rate: int) -> np.ndarray:
    """Return one channel from bar 1 on [shape=(frames,), dtype=float64]."""
    canvas = np.zeros(frames)
    if name.startswith(INSTRUMENT_PREFIX):
        plays = name.removeprefix(INSTRUMENT_PREFIX) in score.instruments
        return canvas + INSTRUMENT_LEVEL * plays
    for first, wave in _iterate_events(score, name, rate):
        _add(canvas, wave, first, wrap=score.loop)
    return canvas


def _is_known(name: str) -> bool:
    known = (*mix_channels.CHANNELS, *part_channels.CHANNELS)
    return name in known or name.startswith(INSTRUMENT_PREFIX)


def _iterate_events(score: Score, name: str, rate: int) -> Iterable[Event]:
    if name in mix_channels.CHANNELS:
        return mix_channels.iterate_events(score, name, rate)
    return part_channels.iterate_events(score, name, rate)


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
