from __future__ import annotations

import hashlib
import io
import logging
import os
import resource
import signal
import stat
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import (
    BitDepth,
    Format,
    as_stored,
    read_audio,
    read_comment,
    write_audio,
)
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.errors import AudioError, InputError, RenderError
from lofigen_kit.runtime.files import write_atomic

RATE_HZ = 8_000
FORMATS: list[tuple[Format, BitDepth]] = [
    ("wav", 16),
    ("wav", 24),
    ("wav", 32),
    ("flac", 16),
    ("flac", 24),
    ("ogg", 16),
    ("mp3", 16),
]


def noise(frames: int = RATE_HZ, channels: int = 1, level: float = 0.5) -> AudioBuffer:
    samples = np.random.default_rng(1).uniform(-level, level, (channels, frames))
    return AudioBuffer(samples, RATE_HZ)


def write(
    path: Path,
    audio: AudioBuffer,
    file_format: Format = "wav",
    bit_depth: BitDepth = 24,
    comment: str = "",
    *,
    force: bool = False,
) -> None:
    rng = np.random.default_rng(2)
    write_audio(
        path, audio, format=file_format, bit_depth=bit_depth, comment=comment, rng=rng, force=force
    )


def encoded(file_format: str = "WAV", subtype: str | None = None, frames: int = 80_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, noise(frames).samples.T, RATE_HZ, subtype, format=file_format)
    return file.getvalue()


def with_flac_frames(data: bytes, frames: int) -> bytes:
    """Return a FLAC file that claims another number of frames (the last 36 bits of bytes 18-25)."""
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | frames
    return data[:18] + packed.to_bytes(8, "big") + data[26:]


def refusal(path: Path, **options: float) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(path, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# What is written comes back.


@pytest.mark.parametrize(
    ("file_format", "bit_depth", "tolerance"),
    [
        ("wav", 16, 1.6 / 2**15),
        ("wav", 24, 0.51 / 2**23),
        ("wav", 32, 0.0),
        ("flac", 16, 1.6 / 2**15),
        ("flac", 24, 0.51 / 2**23),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_come_back_within_the_rounding(
    tmp_path: Path, file_format: Format, bit_depth: BitDepth, tolerance: float, channels: int
) -> None:
    audio, path = noise(10_001, channels), tmp_path / f"a.{file_format}"
    write(path, audio, file_format, bit_depth)
    again = read_audio(path)
    assert (again.channels, again.frames, again.sample_rate_hz) == (channels, 10_001, RATE_HZ)
    assert np.abs(again.samples - audio.samples).max() <= tolerance


def test_ogg_comes_back_as_long_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "a.ogg", noise(50_001, 2), "ogg")
    assert read_audio(tmp_path / "a.ogg").samples.shape == (2, 50_001)


def test_rounding_is_unbiased(tmp_path: Path) -> None:
    """libsndfile's own conversion rounds down: half a bit of DC at 16 bits."""
    write(tmp_path / "a.wav", noise(200_000), bit_depth=16)
    error = read_audio(tmp_path / "a.wav").samples - noise(200_000).samples
    assert abs(error.mean() * 2**15) < 0.01


@pytest.mark.parametrize(("file_format", "bit_depth"), FORMATS[:5])
def test_what_a_file_will_hold_is_known_before(
    tmp_path: Path, file_format: Format, bit_depth: BitDepth
) -> None:
    """Dithered once, and not again when it is written."""
    loud = noise(10_001, 2, level=1.2)  # some of it clips
    known = as_stored(loud, format=file_format, bit_depth=bit_depth, rng=np.random.default_rng(5))
    path = tmp_path / "a"
    write_audio(path, known, format=file_format, bit_depth=bit_depth, comment="", rng=None)
    np.testing.assert_array_equal(read_audio(path).samples, known.samples)
    write_audio(path, loud, format=file_format, bit_depth=bit_depth, comment="",
                rng=np.random.default_rng(5), force=True)  # fmt: skip
    np.testing.assert_array_equal(read_audio(path).samples, known.samples)


def test_what_a_lossy_file_is_given_is_the_sound_as_it_is() -> None:
    stored = as_stored(noise(), format="mp3", bit_depth=16, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(stored.samples, noise().samples)


def test_wav_and_flac_of_24_bits_sound_the_same(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", noise(), "wav", comment="one")
    write(tmp_path / "a.flac", noise(), "flac", comment="another")
    wav, flac = (read_audio(tmp_path / name) for name in ("a.wav", "a.flac"))
    assert hash_audio(wav) == hash_audio(flac)


def test_the_hash_tells_samples_rate_and_channels_apart() -> None:
    samples = noise(100, 2).samples
    sounds = [
        AudioBuffer(samples, RATE_HZ),
        AudioBuffer(samples, RATE_HZ + 1),
        AudioBuffer(samples.reshape(1, -1), RATE_HZ),
        AudioBuffer(-samples, RATE_HZ),
    ]
    assert len({hash_audio(sound) for sound in sounds}) == 4
    zero = np.zeros((1, 10), np.float32)
    assert hash_audio(AudioBuffer(zero, 8000)) == hash_audio(AudioBuffer(-zero, 8000))


# Comments.


@pytest.mark.parametrize(("file_format", "bit_depth"), FORMATS)
@pytest.mark.parametrize("length", [1, 3_000, 70_001, 1_000_000])
def test_a_recipe_survives(
    tmp_path: Path, file_format: Format, bit_depth: BitDepth, length: int
) -> None:
    comment = '{"key": "B♭ minor", "pad": "' + "x" * length + '"}'
    path = tmp_path / f"a.{file_format}"
    write(path, noise(), file_format, bit_depth, comment)
    assert read_comment(path) == comment
    assert read_audio(path, strict=True).frames == RATE_HZ


def test_no_comment(tmp_path: Path) -> None:
    for file_format in ("wav", "flac", "ogg"):
        (tmp_path / "a").write_bytes(encoded(file_format.upper()))
        assert read_comment(tmp_path / "a") is None


def test_a_comment_by_another_program(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE_HZ, 1, "PCM_16") as file:
        file.comment = "by hand"
        file.write(np.zeros(10))
    assert read_comment(tmp_path / "a.wav") == "by hand"


def test_other_programs_read_ours(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", noise(), comment="short")
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert file.comment == "short"
        assert file.software.startswith("lofigen-kit ")


def test_a_comment_too_long(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 MiB"):
        write(tmp_path / "a.wav", noise(), comment="x" * (1 << 20) + "x")


def test_chunks_that_lie_about_their_size(tmp_path: Path) -> None:
    lie = b"LIST" + struct.pack("<I", 1 << 20) + b"INFO" + b"ICMT" + struct.pack("<I", 0xFFFFFFF0)
    (tmp_path / "a.wav").write_bytes(encoded() + lie + b"still here")
    assert read_comment(tmp_path / "a.wav") == "still here"


# Whole or not at all.


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a\.wav: the file is there already; .*--force"):
        write(path, noise())
    assert path.read_bytes() == b"mine"
    write(path, noise(), force=True)
    assert read_audio(path).frames == RATE_HZ


def test_a_failure_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lofigen_kit.runtime.files.fsync", fails)
    path = tmp_path / "a.wav"
    with pytest.raises(RenderError, match=r"a\.wav: writing failed \(No space left on device\)"):
        write(path, noise())
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"mine")
    with pytest.raises(RenderError):
        write(path, noise(), force=True)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"mine"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The system itself refuses, half way through the file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
        with pytest.raises(RenderError, match="writing failed"):
            write(tmp_path / "a.wav", noise())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lofigen_kit.runtime.files.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file/a.wav", tmp_path / "none/a.wav", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot be written"):
            write(path, noise(), force=True)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"}


def test_files_have_the_permissions_of_other_files(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", noise())
    (tmp_path / "plain").write_bytes(b"")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("x" * 255), b"data")


@pytest.mark.parametrize(
    ("file_format", "bit_depth", "channels", "message"),
    [("flac", 32, 1, "16 or 24 bits"), ("flac", 24, 9, "FLAC cannot hold 9 channels")],
)
def test_what_a_format_cannot_hold(
    tmp_path: Path, file_format: Format, bit_depth: BitDepth, channels: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write(tmp_path / "a", noise(100, channels), file_format, bit_depth)
    assert list(tmp_path.iterdir()) == []


def test_a_long_ogg_is_written(tmp_path: Path) -> None:
    """libvorbis overflows the stack where this is one write."""
    write(tmp_path / "a.ogg", noise(3_000_000, 2), "ogg")
    assert soundfile.info(tmp_path / "a.ogg").frames == 3_000_000


# What is read is not trusted.


def test_no_such_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.wav") == "there is no such file; check the path"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "this is a folder; name a file in it"


def test_a_device() -> None:
    assert refusal(Path("/dev/zero")) == "this is a device; name a file"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.wav").write_bytes(encoded())
    monkeypatch.setattr(Path, "open", denied)
    assert "may not be read" in refusal(tmp_path / "a.wav")


def test_a_null_in_the_name() -> None:
    with pytest.raises(AudioError):
        read_audio("a\0b.wav")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"not audio at all\n" * 100, "this is not audio that can be read"),
        (b"#EXTM3U\n/etc/passwd\n", "this is not audio that can be read"),
        (encoded()[:20], "this is not audio that can be read"),
        (encoded(frames=0), "the file holds no sound"),
        (encoded()[:24] + struct.pack("<I", 0) + encoded()[28:], "this is not audio"),
        (encoded()[:24] + struct.pack("<I", 4_000_000_000) + encoded()[28:], "this is not audio"),
        (encoded()[:24] + struct.pack("<I", 1) + encoded()[28:], "a sample rate of 1 Hz"),
        (encoded()[:24] + struct.pack("<I", 2_000_000_000) + encoded()[28:], "a sample rate of 2"),
    ],
    ids=["empty", "text", "playlist", "stub", "no frames", "0 Hz", "4 GHz", "1 Hz", "2 GHz"],
)
def test_what_is_no_audio(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert refusal(tmp_path / "a.wav").startswith(message)


@pytest.mark.parametrize("channels", [33, 64, 1024])
def test_too_many_channels(tmp_path: Path, channels: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((10, channels)), RATE_HZ)
    assert refusal(tmp_path / "a.wav").startswith(f"{channels} channels are more than 32")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    samples = np.zeros(100)
    samples[50] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, "FLOAT")
    assert "not numbers" in refusal(tmp_path / "a.wav")


def test_too_long(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(frames=16_001))
    assert refusal(tmp_path / "a.wav", max_duration_s=2.0).startswith("the file is longer than 2 s")
    assert read_audio(tmp_path / "a.wav", max_duration_s=2.1).frames == 16_001


@pytest.mark.parametrize(
    ("content", "least_frames"),
    [
        (encoded("WAV")[:100_000], 49_000),
        (encoded("AIFF")[:100_000], 49_000),
        (encoded("FLAC")[:60_000], 28_000),
        (encoded("WAV")[:40] + struct.pack("<I", 10**9) + encoded("WAV")[44:], 80_000),
        (with_flac_frames(encoded("FLAC"), 10**6), 80_000),
        (with_flac_frames(encoded("FLAC"), 2**36 - 1), 80_000),
    ],
    ids=["short wav", "short aiff", "short flac", "long wav", "long flac", "endless flac"],
)
def test_a_damaged_file_is_read_as_far_as_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, least_frames: int
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    audio = read_audio(path)
    assert least_frames <= audio.frames <= 80_000
    np.testing.assert_allclose(
        audio.samples[0], noise(80_000).samples[0, : audio.frames], atol=1e-4
    )
    assert f"{path}: the file is damaged" in caplog.text
    with pytest.raises(AudioError, match="damaged"):
        read_audio(path, strict=True)


@pytest.mark.parametrize(
    "content",
    [
        encoded(),
        encoded("WAV", "FLOAT"),
        encoded("FLAC"),
        encoded("OGG"),
        encoded("MP3"),
        encoded("AIFF"),
        with_flac_frames(encoded("FLAC"), 0),
        b"RIFF" + b"\xff" * 4 + encoded()[8:40] + b"\xff" * 4 + encoded()[44:],
    ],
    ids=["wav", "float", "flac", "ogg", "mp3", "aiff", "piped flac", "piped wav"],
)
def test_a_sound_file_is_no_damaged_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / "a").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert read_audio(tmp_path / "a", strict=True).frames == 80_000
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.mp3", "a.raw", "a"])
def test_content_decides_and_not_the_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (tmp_path / name).write_bytes(encoded("FLAC"))
    assert read_audio(tmp_path / name).frames == 80_000
    assert ("the name says .mp3, it is FLAC" in caplog.text) == (name == "a.mp3")


def test_a_lie_about_the_length_takes_no_memory(tmp_path: Path) -> None:
    """A reader that believes the header asks for 256 GiB."""
    (tmp_path / "a.flac").write_bytes(with_flac_frames(encoded("FLAC"), 2**36 - 1))
    code = (
        "import resource, sys, soundfile\n"
        "from lofigen_kit.audio.files import read_audio\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "read_audio(sys.argv[1])\n"
        "print((peak() - before) // 1024)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.flac"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert int(out.stdout) < 100


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_damage_is_read_or_refused_and_nothing_else(tmp_path: Path, file_format: str) -> None:
    """Flipped bytes anywhere, most of them in the header."""
    data, path = encoded(file_format, frames=4_000), tmp_path / "a"
    rng = np.random.default_rng(3)
    for trial in range(60):
        damaged = bytearray(data)
        places = rng.integers(0, 100 if trial % 2 else len(data), size=4)
        for place in places:
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        for read in (read_audio, read_comment):
            with suppress(AudioError):
                read(path)


def test_the_bytes_written_are_the_bytes_given(tmp_path: Path) -> None:
    data = np.random.default_rng(4).bytes(100_000)
    write_atomic(tmp_path / "a", data)
    assert hashlib.sha256((tmp_path / "a").read_bytes()).digest() == hashlib.sha256(data).digest()
