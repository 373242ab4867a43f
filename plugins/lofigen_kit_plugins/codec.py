"""`codec`: the artefacts of a telephone network or of a small MP3 file."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from lofigen_kit.api import (
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    Process,
    hookimpl,
)

_HEADROOM = 2.0  # both clip at full scale, which a sound may exceed before mastering
_MP3_RATES_HZ = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class Codec(BlockEffect):
    """Encodes and decodes the sound with a lossy codec.

    Attributes:
        codec: `gsm`, the first mobile telephones' codec: mono, little above 4 kHz, and never silent
            (a hum below -59 dBFS); or `mp3`.
        mp3_quality: From 0, the best, to 9, the smallest file; it cannot change during a sound.
    """

    use: Literal["codec"] = "codec"
    memory_s: ClassVar[float] = 0.7
    codec: Literal["gsm", "mp3"] = "gsm"
    mp3_quality: float = Field(default=7.0, ge=0, le=9)

    @property
    def tail_s(self) -> float:
        """Two frames of either codec, without the hum of `gsm`."""
        return 0.072

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return an upper bound of the latency of the codecs: a block of the rack and 50 ms."""
        from lofigen_kit.api.dsp import CHUNK_FRAMES

        return CHUNK_FRAMES + sound.sample_rate_hz // 20

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return encoder and decoder; for MP3, the nearest supported sample rate is assumed."""
        import pedalboard

        from lofigen_kit.api.dsp import PedalboardChain

        plugin: pedalboard.Plugin = pedalboard.GSMFullRateCompressor()
        assumed = sound
        if self.codec == "mp3":
            plugin = pedalboard.MP3Compressor(self.mp3_quality)
            nearest_hz = min(_MP3_RATES_HZ, key=lambda hz: abs(hz - sound.sample_rate_hz))
            assumed = replace(sound, sample_rate_hz=nearest_hz)
        chain = PedalboardChain([plugin], assumed, self.latency_frames(sound))
        return lambda block, _: chain(block / _HEADROOM) * _HEADROOM


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the codecs."""
    return [Codec]
