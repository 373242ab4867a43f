"""From a part of a score to its sound: what every instrument has in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Instrument
from lofigen_kit.errors import RenderError

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.music.score import Hit, Note, Score

SAMPLE_RATE_HZ = 44_100
"""The rate at which parts are rendered."""
CHOKE_S = 0.012
"""How long a closed hi-hat takes to silence the open one."""


def render_part(
    instrument: Instrument,
    score: Score,
    part: str,
    ctx: Context,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> AudioBuffer:
    """Render one part of a score.

    Args:
        instrument: What plays it.
        score: The score. What rings past the end of a loop sounds at its beginning.
        part: The part's name; `drums` has the strokes, any other the notes of that name.
        ctx: The instrument's own generator, and the folder of its files.
        sample_rate_hz: Frames a second.

    Returns:
        As long as the score [shape=(1 or 2, frames)].

    Raises:
        RenderError: where the instrument gives another shape than the contract says.
    """
    from dataclasses import replace

    import numpy as np

    frames = round(score.duration_s * sample_rate_hz)
    canvas = np.zeros((2, frames), np.float64)
    channels = 1
    for event, end_s in _events(score, part):
        wave = instrument.play(event, sample_rate_hz, ctx)
        if wave.ndim != 2 or len(wave) not in (1, 2):
            raise RenderError(
                f"it gave the shape {wave.shape} for one note", where=f"instrument {instrument.use}"
            )
        channels = max(channels, len(wave))
        if end_s is not None:
            wave = _choke(wave, round((end_s - event.onset_s) * sample_rate_hz), sample_rate_hz)
        _add(canvas, wave, round(event.onset_s * sample_rate_hz), loop=score.loop)
    audio = AudioBuffer(canvas[:channels].astype(np.float32), sample_rate_hz)
    return instrument.finish(audio, replace(ctx, grid=score.grid, loop=score.loop))


def _events(score: Score, part: str) -> Iterator[tuple[Note | Hit, float | None]]:
    """Yield what a part plays, in order, and when it is choked, if it is."""
    from lofigen_kit.music.score import DRUM_PART

    if part != DRUM_PART:
        for note in sorted((n for n in score.notes if n.part == part), key=lambda n: n.onset_s):
            yield note, None
        return
    hits = sorted(score.hits, key=lambda hit: hit.onset_s)
    hats_s = [hit.onset_s for hit in hits if hit.drum in ("hat", "open-hat")]
    if score.loop and hats_s:
        hats_s.append(hats_s[0] + score.duration_s)
    for hit in hits:
        yield hit, _next_after(hats_s, hit.onset_s) if hit.drum == "open-hat" else None


def _next_after(times_s: Sequence[float], time_s: float) -> float | None:
    return next((later_s for later_s in times_s if later_s > time_s), None)


def _choke(wave: np.ndarray, frame: int, sample_rate_hz: int) -> np.ndarray:
    """Return a sound that is silenced from a frame on."""
    import numpy as np

    fade = max(1, round(CHOKE_S * sample_rate_hz))
    if frame >= wave.shape[1]:
        return wave
    cut = np.array(wave[:, : frame + fade], np.float32)
    cut[:, frame:] *= np.linspace(1.0, 0.0, cut.shape[1] - frame, dtype=np.float32)
    return cut


def _add(canvas: np.ndarray, wave: np.ndarray, start: int, *, loop: bool) -> None:
    """Add a sound from a frame on; past the end of a loop it goes on at the beginning."""
    frames = canvas.shape[1]
    if not frames:
        return
    if loop:
        start %= frames
    position = 0
    while position < wave.shape[1] and start < frames:
        count = min(wave.shape[1] - position, frames - start)
        canvas[:, start : start + count] += wave[:, position : position + count]
        position += count
        start = 0 if loop else frames
