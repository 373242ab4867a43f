"""`codec`: sound that went through a telephone network or a small file."""

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

_HEADROOM = 2.0  # both clip at full scale, which a sound may exceed until it is mastered
_MP3_RATES_HZ = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class Codec(BlockEffect):
    """Encodes the sound and decodes it again, with all that is lost on the way.

    Attributes:
        codec: `gsm`, the first mobile telephones': mono, little above 4 kHz, and a line that is
            never silent (a hum below -59 dBFS); or `mp3`.
        mp3_quality: From 0, the best, to 9, the smallest file; it stays as the sound begins
            with it.
    """

    use: Literal["codec"] = "codec"
    memory_s: ClassVar[float] = 0.7
    codec: Literal["gsm", "mp3"] = "gsm"
    mp3_quality: float = Field(default=7.0, ge=0, le=9)

    @property
    def tail_s(self) -> float:
        """Two frames of either, but for the hum of the line."""
        return 0.072

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return a bound of what the codecs hold back: a block of the rack's, and 50 ms."""
        from lofigen_kit.api.dsp import CHUNK_FRAMES

        return CHUNK_FRAMES + sound.sample_rate_hz // 20

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return encoder and decoder; a rate that mp3 does not know is taken for the nearest."""
        import pedalboard

        from lofigen_kit.api.dsp import PedalboardChain

        plugin: pedalboard.Plugin = pedalboard.GSMFullRateCompressor()
        taken_for = sound
        if self.codec == "mp3":
            plugin = pedalboard.MP3Compressor(self.mp3_quality)
            nearest_hz = min(_MP3_RATES_HZ, key=lambda hz: abs(hz - sound.sample_rate_hz))
            taken_for = replace(sound, sample_rate_hz=nearest_hz)
        board = PedalboardChain([plugin], taken_for, self.latency_frames(sound))
        return lambda block, _: board(block / _HEADROOM) * _HEADROOM


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the codecs."""
    return [Codec]
