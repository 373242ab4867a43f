"""`ambience-bed`: a quiet background sound under the music, such as rain or a room."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import (
    AudioBuffer,
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    InputError,
    PresetPath,
    Process,
    hookimpl,
    resolve_inside,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from lofigen_kit.api.dsp import Texture

_FADE_S = 1.0
_MEASURED_S = 12.0
Bed = Literal["rain", "vinyl", "room"]


class AmbienceBed(BlockEffect):
    """Adds an endless quiet sound under the music: rain, a record's noise, a room, or a recording.

    In a loop it continues over the seam.

    Attributes:
        bed: The synthesised sound, used if there is no file.
        file: A recording, relative to the preset's folder, which it must not leave. It repeats with
            a crossfade, from a random start in each take.
        level_lufs: Loudness of the bed alone.
    """

    use: Literal["ambience-bed"] = "ambience-bed"
    bed: Bed = "rain"
    file: PresetPath | None = None
    level_lufs: float = Field(default=-38.0, ge=-65, le=-14)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, which adds the bed to each block.

        Raises:
            InputError: if the file cannot be read, lies outside the folder or is silent.
        """
        from lofigen_kit.api.dsp import CircularTexture, SmoothedValue

        bed, loudness_lufs = self._open_bed(sound, ctx)
        if not sound.endless:
            bed = CircularTexture(bed, sound.frames, fade=round(_FADE_S * sound.sample_rate_hz))
        level_lufs = SmoothedValue()

        def process(block: np.ndarray, now: AmbienceBed) -> np.ndarray:
            count = block.shape[1]
            gain_db = level_lufs(now.level_lufs, count) - loudness_lufs
            return block + bed(count) * 10.0 ** (gain_db / 20.0)

        return process

    def _open_bed(self, sound: AudioFormat, ctx: Context) -> tuple[Texture, float]:
        """Return the endless sound and its loudness in LUFS."""
        channels, rate_hz = sound.channels, sound.sample_rate_hz
        if self.file is not None:
            return _load_recording(resolve_inside(ctx.root, self.file), channels, rate_hz, ctx.rng)
        return _make_texture(self.bed, channels, rate_hz, ctx.rng), _measure_texture_lufs(
            self.bed, channels, rate_hz
        )


def _load_recording(
    path: Path, channels: int, rate_hz: int, rng: np.random.Generator
) -> tuple[Texture, float]:
    import numpy as np

    from lofigen_kit.api import read_audio
    from lofigen_kit.api.dsp import LoopedRecording, integrated_lufs, resample

    recording = resample(read_audio(path), rate_hz)
    samples = recording.samples
    if recording.channels != channels:
        samples = np.tile(recording.mono().samples, (channels, 1))
    start = int(rng.integers(samples.shape[1]))
    repeated = LoopedRecording(samples, round(_FADE_S * rate_hz), start)
    loudness_lufs = integrated_lufs(AudioBuffer(repeated.cycle, rate_hz))
    if math.isinf(loudness_lufs):
        raise InputError("the recording is silent", where=path, remedy="name another one")
    return repeated, loudness_lufs


def _make_texture(bed: Bed, channels: int, rate_hz: int, rng: np.random.Generator) -> Texture:
    from lofigen_kit_plugins.ambience_bed.textures import Rain, Room, Vinyl

    if bed == "rain":
        return Rain(channels, rate_hz, rng)
    if bed == "vinyl":
        return Vinyl(channels, rate_hz, rng)
    return Room(channels, rate_hz, rng)


@cache
def _measure_texture_lufs(bed: Bed, channels: int, rate_hz: int) -> float:
    """Return the loudness of a synthesised bed, measured on a sample of it."""
    import numpy as np

    from lofigen_kit.api.dsp import integrated_lufs

    texture = _make_texture(bed, channels, rate_hz, np.random.default_rng(0))
    return integrated_lufs(AudioBuffer(texture(round(_MEASURED_S * rate_hz)), rate_hz))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the bed."""
    return [AmbienceBed]
