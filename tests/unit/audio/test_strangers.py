"""Files of other people and of crashed programs: what of them is read, and what is said of it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import (
    detect_format,
    read_audio,
    read_comment,
    read_duration_s,
    read_metadata,
    write_audio,
)
from lofigen_kit.errors import AudioError
from tests.unit.audio.encodings import (
    FRAMES,
    RATE_HZ,
    bare_mp3,
    chunk,
    count_mpeg_samples,
    encode,
    mp3,
    mpeg_frames,
    riff,
    samples_16,
    wave_format,
    with_size,
)

UNCLOSED: dict[str, Callable[[], bytes]] = {
    "sizes of zero": lambda: riff(wave_format(), chunk(b"data", samples_16(), 0), size=0),
    "a data size of zero behind filling": lambda: riff(
        chunk(b"JUNK", bytes(28)), wave_format(), chunk(b"FLLR", bytes(4000)),
        chunk(b"data", samples_16(), 0), size=4088,
    ),
    "an AIFF's size of zero": lambda: with_size(encode("AIFF", "PCM_16"), b"SSND", 0, ">I"),
    "a W64's size of zero": lambda: _w64_of_size(0),
    "sizes of the last save": lambda: riff(
        wave_format(), chunk(b"data", samples_16(), 4000), size=4036
    ),
}  # fmt: skip
WHOLE: dict[str, Callable[[], bytes]] = {
    "a RIFF size of zero": lambda: riff(wave_format(), chunk(b"data", samples_16()), size=0),
    "a RIFF size too small": lambda: riff(wave_format(), chunk(b"data", samples_16()), size=99),
    "a RIFF size too large": lambda: riff(wave_format(), chunk(b"data", samples_16()), size=10**9),
    "no RIFF size, no data size": lambda: riff(
        wave_format(), chunk(b"data", samples_16(), 0xFFFF_FFFF), size=0xFFFF_FFFF
    ),
    "a RIFF size that leaves out the chunks behind": lambda: riff(
        wave_format(), chunk(b"data", samples_16()), chunk(b"LIST", b"INFO" + bytes(70_000)),
        size=36 + len(samples_16()),
    ),
}  # fmt: skip


def _w64_of_size(size: int) -> bytes:
    data = encode("W64", "PCM_16")
    place = data.index(b"data") + 16
    return data[:place] + struct.pack("<Q", size) + data[place + 8 :]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


@pytest.mark.parametrize("name", UNCLOSED)
def test_a_file_that_was_never_closed_is_damaged_and_kept_to_the_frame(
    path: Path, name: str
) -> None:
    path.write_bytes(UNCLOSED[name]())
    with pytest.raises(AudioError, match=r"the file is damaged: .*--salvage"):
        read_audio(path, strict=True)
    audio = read_audio(path)
    assert audio.frames == FRAMES
    expected = np.frombuffer(samples_16(), "<i2").reshape(-1, 2).T / 2**15
    np.testing.assert_allclose(audio.samples, expected, atol=2.1 / 2**15)


@pytest.mark.parametrize("name", WHOLE)
def test_a_wrong_size_with_all_samples_there_is_no_damage(path: Path, name: str) -> None:
    path.write_bytes(WHOLE[name]())
    assert read_audio(path, strict=True).frames == FRAMES
    assert read_duration_s(path) == FRAMES / RATE_HZ


def test_an_empty_data_chunk_in_front_of_others_is_no_crash(path: Path) -> None:
    path.write_bytes(riff(wave_format(), chunk(b"data", b""), chunk(b"LIST", b"INFO" + bytes(50))))
    with pytest.raises(AudioError, match="holds no sound"):
        read_audio(path)


def test_a_flac_that_breaks_off_keeps_what_was_decoded(path: Path) -> None:
    whole = encode("FLAC", "PCM_16")
    path.write_bytes(whole)
    samples = read_audio(path).samples
    block = 4096
    for share in (0.3, 0.6, 0.97):
        path.write_bytes(whole[: round(len(whole) * share)])
        kept = read_audio(path)
        np.testing.assert_array_equal(kept.samples, samples[:, : kept.frames])
        assert kept.frames >= block
        assert kept.frames % block == 0
        again = [*_in_blocks(path, 999)]
        np.testing.assert_array_equal(np.concatenate(again, axis=1), kept.samples)


def _in_blocks(path: Path, frames: int) -> list[np.ndarray]:
    from lofigen_kit.audio.files import read_audio_blocks

    return [block.samples for block in read_audio_blocks(path, frames=frames)]


def test_a_flac_with_a_spoilt_middle_is_read_behind_it(path: Path) -> None:
    data = bytearray(encode("FLAC", "PCM_16"))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(AudioError, match="damaged"):
        read_audio(path, strict=True)
    assert FRAMES - 2 * 4096 <= read_audio(path).frames < FRAMES
    path.write_bytes(encode("FLAC", "PCM_16"))
    end = read_audio(path).samples[:, -4000:]
    path.write_bytes(data)
    np.testing.assert_array_equal(read_audio(path).samples[:, -4000:], end)


@pytest.mark.parametrize("lead", ["zeros", "half a frame", "half a frame behind zeros"])
def test_an_mp3_that_begins_anywhere_is_audio(path: Path, lead: str) -> None:
    frames = mpeg_frames(bare_mp3())
    half = b"" if lead == "zeros" else frames[0][-len(frames[0]) // 2 :]
    zeros = b"" if lead == "half a frame" else bytes(70_001)
    path.write_bytes(zeros + half + b"".join(frames[1:]))
    audio = read_audio(path, strict=True)
    assert audio.frames == count_mpeg_samples(b"".join(frames[1:]))
    assert detect_format(path) == "mp3"
    path.write_bytes(b"".join(frames))
    whole = read_audio(path).samples[:, -audio.frames :]
    # A frame may need bits of the ones before it: where those are missing, it is silent.
    np.testing.assert_allclose(audio.samples[:, 5000:], whole[:, 5000:], atol=1e-4)
    assert np.abs(audio.samples[:, :1152]).max() <= 1.5 * np.abs(whole[:, :5000]).max() + 1e-3


def test_an_mp3_with_lost_bytes_is_damaged_and_read_behind_them(path: Path) -> None:
    data = bare_mp3()
    path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 100 :])
    with pytest.raises(AudioError, match="damaged"):
        read_audio(path, strict=True)
    lost = count_mpeg_samples(data) - read_audio(path).frames
    assert 0 < lost <= 2 * 1152


def test_an_mp3_is_as_long_as_its_encoder_says_however_it_is_tagged(path: Path) -> None:
    title = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + bytes(256)
    path.write_bytes(title + title + mp3() + b"TAG" + bytes(125))
    assert read_audio(path, strict=True).frames == FRAMES


def test_layers_of_other_rates_behind_an_mp3_are_told(path: Path) -> None:
    path.write_bytes(bare_mp3() + bare_mp3(rate_hz=48_000))
    with pytest.raises(AudioError, match="goes on in another rate"):
        read_audio(path, strict=True)
    path.write_bytes(encode("OGG", "VORBIS") + encode("OGG", "VORBIS", channels=1))
    with pytest.raises(AudioError, match="goes on in another rate or number of channels"):
        read_audio(path, strict=True)


def test_text_with_a_few_headers_in_it_is_no_mp3(path: Path) -> None:
    path.write_bytes(b"text " * 2000 + mpeg_frames(bare_mp3())[0] + b"text " * 2000)
    with pytest.raises(AudioError, match="this is not audio"):
        read_audio(path)


@pytest.mark.parametrize("fault", ["no last page", "a page is missing", "the last page is cut"])
def test_an_ogg_that_is_not_whole_is_told(path: Path, fault: str) -> None:
    data = encode("OGG", "VORBIS", frames=200_000)
    places = [n for n in range(len(data)) if data[n : n + 4] == b"OggS"]
    match fault:
        case "no last page":
            data = data[: places[-1]]
        case "a page is missing":
            data = data[: places[4]] + data[places[5] :]
        case "the last page is cut":
            data = data[:-1]
    path.write_bytes(data)
    with pytest.raises(AudioError, match="damaged"):
        read_audio(path, strict=True)
    assert 100_000 < read_audio(path).frames < 200_000


def test_what_decoders_print_stays_off_the_terminal(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(bare_mp3())
    rng = np.random.default_rng(5)
    for place in rng.integers(4000, len(data), 300):
        data[place] = rng.integers(256)
    path.write_bytes(data)
    assert read_audio(path).frames > FRAMES // 2
    path.write_bytes(mp3() + mp3())
    read_audio(path)
    os.write(2, b"still here")
    assert capfd.readouterr() == ("", "still here")


def test_tags_in_front_of_a_wav_hide_nothing(tmp_path: Path) -> None:
    inside, path = tmp_path / "a.wav", tmp_path / "b.wav"
    audio = AudioBuffer(np.full((1, 100), 0.25, np.float32), RATE_HZ)
    write_audio(inside, audio, format="wav", bit_depth=16, comment="the recipe", rng=None)
    path.write_bytes(b"ID3\x03\0\0" + bytes([0, 0, 0, 9]) + bytes(9) + inside.read_bytes())
    assert read_comment(path) == "the recipe"
    assert read_audio(path, strict=True).frames == 100


def test_whatever_a_library_raises_on_tags_is_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise IndexError("list index out of range")

    path.write_bytes(encode("OGG", "VORBIS"))
    monkeypatch.setattr("lofigen_kit.audio.tags._vorbis_file", breaks)
    with pytest.raises(AudioError, match=r"theirs: its tags are damaged; remove them"):
        read_metadata(path)
