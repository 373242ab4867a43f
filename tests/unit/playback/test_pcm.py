"""What goes into a pipe is what any program reads as WAV, or as bare samples."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio import riff
from lofigen_kit.audio.files import read_audio, read_audio_blocks, read_comment
from lofigen_kit.playback import pcm

RATE_HZ = 44_100
COMMENT = json.dumps({"text": "ä" * 3000})


def sound() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (2, 10_001)).astype(np.float32)


def written(bit_depth: int) -> bytes:
    head = riff.make_wav_header(
        2, RATE_HZ, bit_depth, title="beat", comment=COMMENT, software="lofigen-kit"
    )
    pieces = pcm.encode_pcm(iter(np.array_split(sound(), 7, axis=1)), bit_depth,
                           np.random.default_rng(1))  # fmt: skip
    return head + b"".join(pieces)


@pytest.mark.parametrize(("bit_depth", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), (32, "FLOAT")])
def test_a_wav_of_unknown_length_is_read_to_its_end(
    tmp_path: Path, bit_depth: int, subtype: str
) -> None:
    path = tmp_path / "stream.wav"
    path.write_bytes(written(bit_depth))
    with soundfile.SoundFile(path) as file:
        assert (file.subtype, file.samplerate, file.channels) == (subtype, RATE_HZ, 2)
        samples = file.read(dtype="float32").T
    step = {16: 2.0**-15, 24: 2.0**-23, 32: 0.0}[bit_depth]
    assert samples.shape == (2, 10_001)
    assert np.abs(samples - sound()).max() <= 1.5 * step
    assert np.array_equal(read_audio(path).samples, samples)
    strict = np.concatenate([b.samples for b in read_audio_blocks(path, strict=True)], axis=1)
    assert np.array_equal(strict, samples)
    assert read_comment(path) == COMMENT


def test_what_is_said_stands_before_the_samples() -> None:
    blob = written(16)
    assert blob[:4] == b"RIFF"
    assert struct.unpack("<I", blob[4:8])[0] == 0xFFFF_FFFF
    assert blob.index(b"LIST") < blob.index(b"data")
    assert len(blob) - blob.index(b"data") - 8 == 10_001 * 4


def test_bare_samples_are_nothing_else() -> None:
    pieces = pcm.encode_pcm(iter([sound()]), 32, np.random.default_rng(0))
    assert np.array_equal(np.frombuffer(b"".join(pieces), "<f4").reshape(-1, 2).T, sound())


def test_a_paced_stream_waits_for_the_clock() -> None:
    now_s, waits = 0.0, []

    def wait(seconds: float) -> None:
        nonlocal now_s
        waits.append(seconds)
        now_s += seconds

    out = io.BytesIO()
    for piece in pcm.pace_pieces(iter([bytes(100)] * 40), 100.0, lambda: now_s, wait):
        out.write(piece)
        assert len(out.getvalue()) / 100.0 <= now_s + pcm.LEAD_S + 1.0
    assert len(out.getvalue()) == 4000
    assert now_s == pytest.approx(39 - pcm.LEAD_S)
    assert min(waits) > 0


def test_a_slow_stream_does_not_wait() -> None:
    ticks = iter(range(1000)).__next__

    def wait(seconds: float) -> None:
        raise AssertionError(seconds)

    assert (
        len(list(pcm.pace_pieces(iter([bytes(50)] * 40), 100.0, lambda: float(ticks()), wait)))
        == 40
    )
