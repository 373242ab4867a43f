"""Sound files as others write them, byte by byte, with what is known of their lengths."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import soundfile

from lofigen_kit.audio.mpeg import Header, parse_header

RATE_HZ = 44_100
FRAMES = 30_011
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32, 0, 0)
ID3V2 = b"ID3\x04\0\0" + bytes([0, 0, 0x10, 0]) + bytes(0x800)


def sound(frames: int = FRAMES, channels: int = 2) -> np.ndarray:
    """Return noise that swells, so that bit rates vary [shape=(frames, channels)]."""
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (frames, channels))
    return noise * np.linspace(0.001, 1.0, frames)[:, None]


@cache
def encode(
    format: str,  # noqa: A002 -- as soundfile calls it
    subtype: str | None = None,
    *,
    frames: int = FRAMES,
    rate_hz: int = RATE_HZ,
    channels: int = 2,
    **options: float | str,
) -> bytes:
    """Return a sound file as libsndfile writes it."""
    file = io.BytesIO()
    samples = sound(frames, channels)
    with soundfile.SoundFile(
        file, "w", rate_hz, channels, subtype, format=format, **options
    ) as encoder:
        for first in range(0, frames, 4096):
            encoder.write(samples[first : first + 4096])
    return file.getvalue()


def chunk(name: bytes, payload: bytes, size: int | None = None) -> bytes:
    """Return a chunk of a RIFF file, which may state a false size."""
    stated = len(payload) if size is None else size
    return name + struct.pack("<I", stated) + payload + b"\0" * (len(payload) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """Return a WAV file, which may state a false size."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def wave_format(coding: int = 1, rate_hz: int = RATE_HZ) -> bytes:
    """Return the format of a stereo WAV file of 16 bits."""
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, 2, rate_hz, rate_hz * 4, 4, 16))


def samples_16() -> bytes:
    """Return the sound as samples of 16 bits."""
    return (sound() * 32_767).astype("<i2").tobytes()


def mpeg_frames(data: bytes) -> list[bytes]:
    """Return the frames of an MP3 file, a header of variable bit rates first if it has one."""
    frames, place = [], 0
    while header := parse_header(data[place : place + 4]):
        frames.append(data[place : place + header.size])
        place += header.size
    return frames


def mp3(mode: str = "CONSTANT", **options: int) -> bytes:
    """Return an MP3 file with LAME's header."""
    return encode("MP3", bitrate_mode=mode, compression_level=0.3, **options)


def bare_mp3(mode: str = "CONSTANT", **options: int) -> bytes:
    """Return an MP3 stream without a header, as it comes out of a pipe."""
    return b"".join(mpeg_frames(mp3(mode, **options))[1:])


def count_mpeg_samples(data: bytes) -> int:
    """Return the samples of the frames of a bare stream."""
    first = parse_header(data[:4])
    assert isinstance(first, Header)
    return len(mpeg_frames(data)) * first.samples


def mp2(frames: int = 25) -> bytes:
    """Return silence of layer 2, of two bit rates."""
    data = b""
    for number in range(frames):
        word = bytes([0xFF, 0xFD, 0xA0 if number % 2 else 0x40, 0x00])
        header = parse_header(word)
        assert header
        data += word.ljust(header.size, b"\0")
    return data


def with_flac_length(data: bytes, frames: int) -> bytes:
    """Return a FLAC file that states another number of frames."""
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | frames
    return data[:18] + packed.to_bytes(8, "big") + data[26:]


def with_size(data: bytes, name: bytes, size: int, order: str = "<I") -> bytes:
    """Return a file of chunks that states another size for one of them."""
    place = data.index(name) + 4
    new = struct.pack(order, size)
    return data[:place] + new + data[place + len(new) :]


def without_last_page_flag(data: bytes) -> bytes:
    """Return an OGG file whose writer went on without an end, as a recorder of radio does."""
    return data[: data.rindex(b"OggS")]


ENCODINGS: dict[str, tuple[Callable[[], bytes], int]] = {
    "wav of 16 bits": (lambda: encode("WAV", "PCM_16"), FRAMES),
    "wav of 24 bits": (lambda: encode("WAV", "PCM_24"), FRAMES),
    "wav of floats": (lambda: encode("WAV", "FLOAT"), FRAMES),
    "extensible wav": (lambda: encode("WAVEX", "PCM_16"), FRAMES),
    "rf64": (lambda: encode("RF64", "PCM_16"), FRAMES),
    "w64": (lambda: encode("W64", "PCM_16"), FRAMES),
    "aiff": (lambda: encode("AIFF", "PCM_16"), FRAMES),
    "au": (lambda: encode("AU", "PCM_16"), FRAMES),
    "caf": (lambda: encode("CAF", "PCM_16"), FRAMES),
    "flac": (lambda: encode("FLAC", "PCM_16"), FRAMES),
    "vorbis": (lambda: encode("OGG", "VORBIS"), FRAMES),
    "opus": (lambda: encode("OGG", "OPUS", rate_hz=48_000), FRAMES),
    "mp3": (mp3, FRAMES),
    "mp3 of variable rate": (lambda: mp3("VARIABLE"), FRAMES),
    "mp3 of average rate": (lambda: mp3("AVERAGE"), FRAMES),
    "mp3 of constant rate, bare": (bare_mp3, count_mpeg_samples(bare_mp3())),
    "mp3 of variable rate, bare": (
        lambda: bare_mp3("VARIABLE"), count_mpeg_samples(bare_mp3("VARIABLE")),
    ),
    "mp3 of 22 kHz, mono, bare": (
        lambda: bare_mp3(rate_hz=22_050, channels=1),
        count_mpeg_samples(bare_mp3(rate_hz=22_050, channels=1)),
    ),
    "mp2": (mp2, 25 * 1152),
    "mp3 in wav": (
        lambda: riff(wave_format(0x55), chunk(b"data", bare_mp3())), count_mpeg_samples(bare_mp3()),
    ),
}  # fmt: skip
"""Files, and the frames of their sound."""

UNKNOWN_LENGTH: dict[str, Callable[[], bytes]] = {
    "wav of 16 bits": lambda: with_size(
        with_size(encode("WAV", "PCM_16"), b"RIFF", 0x7FFF_F024), b"data", 0x7FFF_F000
    ),
    "wav of 24 bits": lambda: with_size(encode("WAV", "PCM_24"), b"data", 0x7FFF_FFFF),
    "wav of floats": lambda: with_size(encode("WAV", "FLOAT"), b"data", 0xFFFF_FFFF),
    "extensible wav": lambda: with_size(encode("WAVEX", "PCM_16"), b"data", 0x8000_0000),
    "aiff": lambda: with_size(
        with_size(encode("AIFF", "PCM_16"), b"FORM", 0x7F00_0050, ">I"), b"SSND", 0x7F00_0008, ">I"
    ),
    "au": lambda: encode("AU", "PCM_16")[:8] + b"\xff" * 4 + encode("AU", "PCM_16")[12:],
    "caf": lambda: with_size(encode("CAF", "PCM_16"), b"data", -1, ">q"),
    "flac": lambda: with_flac_length(encode("FLAC", "PCM_16"), 0),
    "mp3 in wav": lambda: riff(wave_format(0x55), chunk(b"data", bare_mp3(), 0xFFFF_FFFF)),
}
"""Files of writers that could not know the length in advance: into a pipe."""
