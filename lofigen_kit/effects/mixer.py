"""The mixer: each part through its strip, and the sum of all parts.

What is left out of a strip has a default by the part's name, so that a source with parts and a
network that plays parts sound like a band without any setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.effects import rack
from lofigen_kit.effects.strip import Strip, default_strip, list_part_stages
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.runtime.seeding import rng_for

LOUDEST = 0.89
"""Where the peak of a default mix lies at most, of full scale: -1 dBFS."""


def place_part(
    part: str, strip: Strip, sound: AudioBuffer, contexts: rack.Contexts, *, loop: bool, tail: bool
) -> AudioBuffer:
    """Return a part as it stands in the mix.

    Args:
        part: Its name.
        strip: Its settings.
        sound: What was played, mono or stereo.
        contexts: What its effects are given, by stage: `mixer.keys.reverb#0`.
        loop: Whether its end leads into its beginning.
        tail: Let its effects sound on after its end.

    Returns:
        Stereo.
    """
    placed = sound.stereo()
    stages = list_part_stages(strip, sound.channels)
    for _, after in rack.process_whole(
        stages, placed, contexts, loop=loop, tail=tail, within=f"mixer.{part}"
    ):
        placed = after
    return placed


def sum_parts(parts: Iterable[AudioBuffer]) -> AudioBuffer:
    """Return the sum of parts, as long as the longest; to the last bit, in their order."""
    placed = list(parts)
    mix = np.zeros((2, max(part.frames for part in placed)), np.float32)
    for part in placed:
        mix[:, : part.frames] += part.samples
    return AudioBuffer(mix, placed[0].sample_rate_hz)


def pad_sound(sound: AudioBuffer, frames: int) -> AudioBuffer:
    """Return a sound with silence behind it, up to a length."""
    more = frames - sound.frames
    return sound.with_samples(np.pad(sound.samples, ((0, 0), (0, more)))) if more else sound


def mix_parts(parts: Mapping[str, AudioBuffer], *, loop: bool) -> AudioBuffer:
    """Return the default mix of parts.

    Args:
        parts: Each part alone, by its name; all of one length and rate.
        loop: Whether their end leads into their beginning.

    Returns:
        Stereo, as long as the parts, turned down where it would clip.
    """

    def make_context(stage: str) -> Context:
        return Context(rng=rng_for(0, 0, stage), grid=BeatGrid())

    placed = (
        place_part(name, default_strip(name), sound, make_context, loop=loop, tail=False)
        for name, sound in parts.items()
    )
    mix = sum_parts(placed)
    peak = float(np.abs(mix.samples).max(initial=0.0))
    return mix.with_samples(mix.samples * np.float32(LOUDEST / peak)) if peak > LOUDEST else mix
