"""The chunks of WAV files, read back by other people's code and from files that lie."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wavinfo

from lofigen_kit.audio import riff
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import BitDepth, read_audio, read_comment, read_metadata, write_audio
from lofigen_kit.audio.metadata import AudioMetadata, Cue, Loop

RATE_HZ = 44_100
FRAMES = 3_001
LABELS = AudioMetadata(
    title="dusk jazz",
    description="lofi-tape, 78.3 BPM, Eb minor",
    tempo_bpm=78.3,
    beats=8,
    key="Eb minor",
    loop=Loop(0, FRAMES - 1),
    cues=(Cue(0, "bar 1"), Cue(1_500, "bar 2")),
    loudness_lufs=-14.04,
    true_peak_dbtp=-1.0,
)


def write(
    path: Path,
    labels: AudioMetadata = LABELS,
    *,
    bit_depth: BitDepth = 24,
    channels: int = 1,
    comment: str = "",
) -> bytes:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, FRAMES))
    write_audio(path, AudioBuffer(samples, RATE_HZ), format="wav", bit_depth=bit_depth,
                comment=comment, rng=None, metadata=labels)  # fmt: skip
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wav"


def acid(path: Path) -> dict[str, str]:
    """Return what libsndfile says of the acid chunk."""
    with soundfile.SoundFile(path) as file:
        lines = file.extra_info.partition("acid : 24\n")[2].splitlines()[:7]
    return {name.strip(): value.strip() for name, _, value in (li.partition(":") for li in lines)}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bit_depth", [16, 24, 32])
def test_another_program_reads_every_chunk(path: Path, bit_depth: BitDepth, channels: int) -> None:
    """Three bytes times an odd number of frames: the chunks begin after a padding byte."""
    write(path, bit_depth=bit_depth, channels=channels, comment="the recipe")
    info = wavinfo.WavInfoReader(str(path))
    assert info.data.frame_count == FRAMES
    (loop,) = info.smpl.sample_loops
    assert (loop.loop_type, loop.start, loop.end, loop.repetition_count) == (0, 0, FRAMES - 1, 0)
    assert info.smpl.midi_note == 60
    assert info.smpl.sample_period_ns == round(1e9 / RATE_HZ)
    assert [cue.sample_offset for cue in info.cues.cues] == [0, 1_500]
    assert [label.text for label in info.cues.labels] == ["bar 1", "bar 2"]
    assert [label.name for label in info.cues.labels] == [cue.name for cue in info.cues.cues]
    assert (info.info.title, info.info.comment) == ("dusk jazz", "the recipe")
    assert info.info.software.startswith("lofigen-kit ")
    assert info.bext.description == LABELS.description
    assert info.bext.originator.startswith("lofigen-kit ")
    assert (info.bext.originator_date, info.bext.originator_time) == ("", "")
    assert info.bext.version == 2
    assert info.bext.loudness_value == pytest.approx(-14.04)
    assert info.bext.max_true_peak == pytest.approx(-1.0)


def test_another_program_reads_the_tempo(path: Path) -> None:
    write(path)
    found = acid(path)
    assert found["Tempo"] == "78.300003"
    assert found["Beats"] == "8"
    assert found["Meter"] == "4/4"
    assert int(found["Root note"], 16) % 12 == 3
    assert int(found["Flags"].partition(" ")[0], 16) == 0x06  # the root is set, it may be stretched


def test_what_has_an_end_is_no_loop(path: Path) -> None:
    write(path, replace(LABELS, loop=None, key=""))
    assert wavinfo.WavInfoReader(str(path)).smpl is None
    assert int(acid(path)["Flags"].partition(" ")[0], 16) == 0x01  # one shot
    assert read_metadata(path).loop is None


def test_what_is_written_comes_back(path: Path) -> None:
    write(path)
    assert read_metadata(path) == replace(LABELS, key="Eb")
    assert read_audio(path, strict=True).frames == FRAMES


def test_without_labels_there_is_nothing_but_the_program(path: Path) -> None:
    data = write(path, AudioMetadata())
    assert read_metadata(path) == AudioMetadata()
    assert not [name for name in (b"smpl", b"acid", b"bext", b"cue ", b"adtl") if name in data]


def test_no_clock_is_in_a_float_file(path: Path) -> None:
    """libsndfile writes the time of day into its PEAK chunk."""
    data = write(path, bit_depth=32)
    start = data.index(b"PEAK") + 8
    assert struct.unpack_from("<II", data, start) == (1, 0)
    with soundfile.SoundFile(path) as file:
        assert file.frames == FRAMES


@pytest.mark.parametrize("kept", range(2, 40, 3))
def test_a_file_cut_short_keeps_its_sound(path: Path, kept: int) -> None:
    data = write(path)
    end = data.index(b"smpl")
    path.write_bytes(data[: end + (len(data) - end) * kept // 40])
    assert read_audio(path).frames == FRAMES
    assert read_metadata(path).loop in (None, LABELS.loop)


@pytest.mark.parametrize("name", [b"smpl", b"acid", b"bext", b"cue ", b"LIST"])
@pytest.mark.parametrize("size", [0, 3, 35, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_chunk_that_lies_about_its_size(path: Path, name: bytes, size: int) -> None:
    data = write(path)
    start = data.index(name)
    lying = io.BytesIO(data[: start + 4] + struct.pack("<I", size) + data[start + 8 :])
    labels, _ = riff.read(lying)
    assert len(labels.cues) <= 2


def test_more_cues_than_there_are(path: Path) -> None:
    data = write(path)
    start = data.index(b"cue ") + 8
    lying = io.BytesIO(data[:start] + struct.pack("<I", 0xFFFF_FFFF) + data[start + 4 :])
    assert riff.read(lying)[0].cues == LABELS.cues


def test_a_tempo_that_is_no_number(path: Path) -> None:
    data = write(path)
    start = data.index(b"acid") + 8 + 20
    nan = io.BytesIO(data[:start] + struct.pack("<f", float("nan")) + data[start + 4 :])
    assert riff.read(nan)[0].tempo_bpm is None


def test_chunks_in_front_of_the_sound_are_read_too(path: Path) -> None:
    """As other programs write them."""
    plain = io.BytesIO()
    soundfile.write(plain, np.zeros(100), RATE_HZ, "PCM_16", format="WAV")
    data = plain.getvalue()
    loop = struct.pack("<9I", *[0] * 7, 1, 0) + struct.pack("<6I", 7, 0, 10, 90, 0, 0)
    path.write_bytes(data[:12] + b"smpl" + struct.pack("<I", len(loop)) + loop + data[12:])
    assert read_metadata(path).loop == Loop(10, 90)
    assert read_comment(path) is None
