"""`codec`: sound that went through a telephone network or a small file."""

from __future__ import annotations

from typing import ClassVar, Literal

from lofigen_kit.api import (
    BlockEffect,
    Context,
    Effect,
    Field,
    Process,
    RenderError,
    Sound,
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
    memory_s: ClassVar[float] = 0.3
    codec: Literal["gsm", "mp3"] = "gsm"
    mp3_quality: float = Field(default=7.0, ge=0, le=9)

    @property
    def tail_s(self) -> float:
        """Two frames of either, but for the hum of the line."""
        return 0.072

    def latency_frames(self, sound: Sound) -> int:
        """Return a bound of what the codecs hold back: a block of the rack's, and 50 ms."""
        from lofigen_kit.dsp.board import CHUNK_FRAMES

        return CHUNK_FRAMES + sound.sample_rate_hz // 20

    def start(self, sound: Sound, ctx: Context) -> Process:
        """Return encoder and decoder.

        Raises:
            RenderError: for an mp3 at a sample rate that the format does not know.
        """
        import pedalboard

        from lofigen_kit.dsp.board import Board

        plugin: pedalboard.Plugin
        if self.codec == "gsm":
            plugin = pedalboard.GSMFullRateCompressor()
        elif sound.sample_rate_hz in _MP3_RATES_HZ:
            plugin = pedalboard.MP3Compressor(self.mp3_quality)
        else:
            raise RenderError(
                f"an mp3 has no sample rate of {sound.sample_rate_hz} Hz",
                remedy=f"choose one of {', '.join(map(str, _MP3_RATES_HZ))} Hz, or gsm",
            )
        board = Board([plugin], sound, self.latency_frames(sound))
        return lambda block, _: board(block / _HEADROOM) * _HEADROOM


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the codecs."""
    return [Codec]
