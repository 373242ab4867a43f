"""Tags of FLAC, OGG and MP3 files, read back by mutagen and from files that lie."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, ID3, TBPM, TKEY

from lofigen_kit.audio import tags
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import Format, read_audio, read_comment, read_metadata, write_audio
from lofigen_kit.audio.metadata import AudioMetadata, Cue, Loop
from lofigen_kit.errors import AudioError

FRAMES = 20_000
LABELS = AudioMetadata(
    title="dusk jazz",
    description="one line, Bb minor",
    tempo_bpm=78.25,
    beats=8,
    key="Bb minor",
    loop=Loop(0, FRAMES - 1),
    cues=(Cue(0, "bar 1"),),
    loudness_lufs=-14.0,
)
VORBIS = {
    "title": ["dusk jazz"],
    "description": ["one line, Bb minor"],
    "bpm": ["78.25"],
    "key": ["Bbm"],
    "comment": ["the recipe"],
    "loopstart": ["0"],
    "looplength": [str(FRAMES)],
}
COMPRESSED = 0x08
LOSSY: list[Format] = ["ogg", "mp3"]


def write(path: Path, file_format: Format, comment: str = "the recipe") -> bytes:
    t = np.arange(FRAMES) / 44_100
    audio = AudioBuffer(0.5 * np.sin(2 * np.pi * 440 * t)[None], 44_100)
    write_audio(path, audio, format=file_format, bit_depth=16, comment=comment, rng=None,
                metadata=LABELS, force=True)  # fmt: skip
    return path.read_bytes()


@pytest.mark.parametrize("file_format", ["flac", "ogg"])
def test_another_program_reads_vorbis_comments(tmp_path: Path, file_format: Format) -> None:
    write(tmp_path / "a", file_format)
    found = dict(mutagen.File(tmp_path / "a").tags.as_dict())
    assert found.pop("encoder")[0].startswith("lofigen-kit ")
    assert found == VORBIS
    expected = replace(LABELS, beats=None, cues=(), loudness_lufs=None)
    assert read_metadata(tmp_path / "a") == expected


def test_another_program_reads_id3(tmp_path: Path) -> None:
    write(tmp_path / "a", "mp3")
    found = ID3(tmp_path / "a")
    texts = {name: found[name].text for name in ("TIT2", "TBPM", "TKEY")}
    assert texts == {"TIT2": ["dusk jazz"], "TBPM": ["78"], "TKEY": ["Bbm"]}
    assert found.getall("COMM")[0].text == ["the recipe"]
    labels = read_metadata(tmp_path / "a")
    assert (labels.title, labels.tempo_bpm, labels.key) == ("dusk jazz", 78.0, "Bb minor")


@pytest.mark.parametrize("file_format", LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_lossy_file_is_as_long_and_in_time(
    tmp_path: Path, file_format: Format, channels: int
) -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (channels, 50_001))
    noise[:, 20_000:30_000] = 0.0
    audio, path = AudioBuffer(noise, 44_100), tmp_path / "a"
    write_audio(path, audio, format=file_format, bit_depth=24, comment="", rng=None)
    again = read_audio(path, strict=True)
    assert again.samples.shape == audio.samples.shape
    lags = np.fft.irfft(
        np.fft.rfft(again.samples[0]) * np.conj(np.fft.rfft(audio.samples[0])), 50_001
    )
    assert lags.argmax() == 0


def test_an_mp3_has_the_highest_bit_rate(tmp_path: Path) -> None:
    write(tmp_path / "a", "mp3")
    info = mutagen.File(tmp_path / "a").info
    assert info.bitrate == pytest.approx(320_000, abs=1)
    assert "CBR" in str(info.bitrate_mode)


def test_an_ogg_has_no_number_drawn_by_the_clock(tmp_path: Path) -> None:
    data = write(tmp_path / "a", "ogg")
    pages = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    assert len(pages) > 2
    assert {struct.unpack_from("<I", data, page + 14)[0] for page in pages} == {1}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("encoding", range(4))
def test_id3_as_others_write_it(version: int, encoding: int) -> None:
    written = ID3()
    written.add(TBPM(encoding=encoding, text="92.5"))
    written.add(TKEY(encoding=encoding, text="F#m"))
    written.add(COMM(encoding=encoding, lang="deu", desc="a note", text="größer"))
    file = io.BytesIO()
    written.save(file, v2_version=version)
    labels, comment = tags.read(file, "MP3")
    assert (labels.tempo_bpm, labels.key, comment) == (92.5, "F# minor", "größer")


def test_a_compressed_frame_is_not_inflated() -> None:
    """mutagen would, to whatever size it comes to."""
    bomb = zlib.compress(b"\0" + b"x" * 10_000_000)
    frame = b"TIT2" + struct.pack(">I", len(bomb)) + bytes([0, COMPRESSED]) + bomb
    title = b"TBPM" + struct.pack(">I", 3) + b"\0\0" + b"\0" + b"80"
    body = frame + title
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    labels, _ = tags.read(io.BytesIO(b"ID3\x03\0\0" + size + body), "MP3")
    assert (labels.title, labels.tempo_bpm) == ("", 80.0)


@pytest.mark.parametrize("text", ["", "fast", "-3", "nan", "1e9", "0", "99999"])
def test_a_tempo_that_is_none(text: str) -> None:
    written, file = ID3(), io.BytesIO()
    written.add(TBPM(encoding=0, text=text))
    written.save(file)
    assert tags.read(file, "MP3")[0].tempo_bpm is None


def test_a_tag_that_claims_to_be_longer_than_the_file() -> None:
    head = b"ID3\x04\0\0" + b"\x7f" * 4
    frame = b"TIT2" + b"\x7f" * 4 + b"\0\0" + b"\0" + b"title"
    assert tags.read(io.BytesIO(head + frame), "MP3")[0].title == "title"


@pytest.mark.parametrize("file_format", ["wav", "flac", "mp3"])
def test_damaged_labels_are_read_or_refused_and_nothing_else(
    tmp_path: Path, file_format: Format
) -> None:
    path = tmp_path / "a"
    data = write(path, file_format)
    rng = np.random.default_rng(3)
    size = len(data)
    for _ in range(100):
        damaged = bytearray(data)
        first = size - 900 if file_format == "wav" else 0
        for place in rng.integers(first, first + 600, size=5):
            damaged[place] = rng.choice(np.array([0, 255, int(rng.integers(256))]))
        path.write_bytes(damaged)
        for read in (read_metadata, read_comment):
            with suppress(AudioError):
                read(path)


def test_tags_that_the_file_has_already_are_replaced() -> None:
    """libsndfile writes some of its own."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 44_100, 1, "PCM_16", format="FLAC") as sound:
        sound.title = "another"
        sound.write(np.zeros(100))
    tags.write(file, AudioMetadata(), "", format="flac", software="me")
    file.seek(0)
    assert mutagen.File(file).tags.as_dict() == {"encoder": ["me"]}
