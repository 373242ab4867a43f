"""What is read is as long as it is: of every encoding, whole, cut, joined and with tags."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio, read_audio_blocks, read_duration_s
from lofigen_kit.errors import AudioError
from tests.unit.audio.encodings import (
    APE,
    ENCODINGS,
    ID3V1,
    ID3V2,
    UNKNOWN_LENGTH,
)

NAMES = list(ENCODINGS)
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not there")


def make(name: str, state: str) -> bytes:
    data = ENCODINGS[name][0]()
    match state:
        case "whole":
            return data
        case "cut":
            return data[: len(data) * 3 // 4 + 1]
        case "joined":
            return data + data
        case "tagged in front":
            return ID3V2 + data
        case "tagged behind":
            return data + APE + ID3V1
        case "of unknown length":
            return UNKNOWN_LENGTH.get(name, ENCODINGS[name][0])()
    raise ValueError(state)


ONE_TO_A_FILE = ("wav of 16 bits", "wav of 24 bits", "wav of floats", "extensible wav", "rf64",
                 "w64", "aiff", "au", "caf", "mp3 in wav")  # fmt: skip
"""Containers of which none may follow another one in the same file."""
FFMPEG_TAKES_MORE = [
    ("vorbis", "joined"),  # what its encoder put in front of the second stream
    ("opus", "joined"),
    ("au", "tagged behind"),  # the tag as sound
    ("au", "joined"),  # the second header as sound
]
BETWEEN_MP3 = 5000
"""Samples that an encoder puts behind one file and in front of another."""
STATES = ["whole", "cut", "joined", "tagged in front", "tagged behind", "of unknown length"]


def count(path: Path, *, strict: bool) -> int:
    """Return the frames of a file, read in two ways that must agree."""
    audio = read_audio(path, strict=strict)
    blocks = [*read_audio_blocks(path, frames=1000, strict=strict)]
    assert sum(block.frames for block in blocks) == audio.frames
    np.testing.assert_array_equal(
        np.concatenate([block.samples for block in blocks], axis=1), audio.samples
    )
    assert read_duration_s(path) == audio.frames / audio.sample_rate_hz
    return audio.frames


def ask_ffmpeg(path: Path) -> int:
    channels = 1 if "mono" in path.name else 2
    raw = subprocess.run(
        ["ffmpeg", "-v", "quiet", "-nostdin", "-i", path, "-f", "f32le", "-ac", str(channels), "-"],
        capture_output=True, check=False,
    ).stdout  # fmt: skip
    return len(raw) // 4 // channels


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", NAMES)
def test_no_frame_is_lost_without_a_word(tmp_path: Path, name: str, state: str) -> None:
    path = tmp_path / name
    path.write_bytes(make(name, state))
    known = ENCODINGS[name][1] * (2 if state == "joined" else 1)
    if state == "cut" or (state == "joined" and name in ONE_TO_A_FILE):
        with pytest.raises(AudioError, match=r"the file is damaged: [^\n]+") as refused:
            count(path, strict=True)
        assert refused.value.exit_code == 2
        assert count(path, strict=False) > 0
    elif (state == "joined" and "bare" not in name and name.startswith("mp3 of")) or name == "mp3":
        assert known <= count(path, strict=True) < known + BETWEEN_MP3
    else:
        assert count(path, strict=True) == known


@needs_ffmpeg
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", NAMES)
def test_no_frame_is_lost_that_ffmpeg_finds(tmp_path: Path, name: str, state: str) -> None:
    path = tmp_path / name
    path.write_bytes(make(name, state))
    found, frames = ask_ffmpeg(path), count(path, strict=False)
    if (name, state) == ("w64", "tagged behind"):  # which ffmpeg does not read
        assert frames == ENCODINGS[name][1]
    elif (name, state) in FFMPEG_TAKES_MORE:
        assert found - 700 < frames < found
    elif state == "joined" and name in ONE_TO_A_FILE:
        assert frames == 2 * ENCODINGS[name][1] > found
    elif (name, state) == ("flac", "joined"):  # ffmpeg loses a frame at the joint
        assert frames == 2 * ENCODINGS[name][1] >= found
    else:
        assert frames == found
