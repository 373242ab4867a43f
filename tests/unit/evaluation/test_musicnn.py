"""The reader of TensorFlow's checkpoints, and the distance of two sets of music."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.errors import InputError
from lofigen_kit.evaluation import musicnn

needs_weights = pytest.mark.skipif(
    musicnn.find_weights() is None, reason="pip install --no-deps musicnn"
)


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + (varint(value >> 7) if value > 0x7F else b"")


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Return a LevelDB block whose keys leave out what they share, with its trailer."""
    body, last = b"", b""
    for key, value in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b),
            min(len(key), len(last)),
        )
        fresh = key[shared:]
        body += varint(shared) + varint(len(fresh)) + varint(len(value)) + fresh + value
        last = key
    return body + struct.pack("<II", 0, 1) + b"\0" + b"crc!"


def entry(shape: tuple[int, ...], offset: int, size: int) -> bytes:
    sides = [b"\x08" + varint(side) for side in shape]
    dims = b"".join(b"\x12" + varint(len(side)) + side for side in sides)
    message = b"\x08\x01\x12" + varint(len(dims)) + dims
    message += b"\x20" + varint(offset) if offset else b""
    return message + b"\x28" + varint(size) + b"\x35" + b"crc!"


def write_bundle(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    data, entries = b"", [(b"", b"\x08\x01")]
    for name in sorted(tensors):
        blob = tensors[name].astype("<f4").tobytes()
        entries.append((name.encode(), entry(tensors[name].shape, len(data), len(blob))))
        data += blob
    first, second = block(entries[:3]), block(entries[3:])
    sizes = [len(first) - 5, len(second) - 5]
    index = block([(b"m", varint(0) + varint(sizes[0])),
                   (b"z", varint(len(first)) + varint(sizes[1]))])  # fmt: skip
    at = len(first) + len(second)
    footer = varint(0) + varint(0) + varint(at) + varint(len(index) - 5)
    footer = footer.ljust(40, b"\0") + struct.pack("<Q", musicnn.TABLE_MAGIC)
    (folder / ".index").write_bytes(first + second + index + footer)
    (folder / ".data-00000-of-00001").write_bytes(data)


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {
        "conv/bias": (5,),
        "conv/kernel": (3, 2, 1, 5),
        "conv_1/kernel": (300,),
        "dense/b": (2,),
    }
    tensors = {name: rng.standard_normal(shape).astype("<f4") for name, shape in shapes.items()}
    write_bundle(tmp_path, {**tensors, "conv/bias/Adam": np.zeros(5)})
    found = musicnn.read_tensors(tmp_path)
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name].numpy(), tensor)


@pytest.mark.parametrize("damage", [b"", b"no table", bytes(200)])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / ".index").write_bytes(damage)
    (tmp_path / ".data-00000-of-00001").write_bytes(b"")
    with pytest.raises(InputError, match="no TensorFlow checkpoint"):
        musicnn.read_tensors(tmp_path)


def test_one_distribution_is_at_no_distance_and_another_at_some() -> None:
    rng = np.random.default_rng(1)
    near = []
    for _ in range(30):
        a, b = rng.standard_normal((2, 40, 20))
        width = musicnn.compute_median_distance(a)
        near.append(musicnn.compute_mmd(a, b, width=width))
    # The estimate has no bias: it is as often below 0 as above.
    assert abs(np.mean(near)) < 3 * np.std(near) / np.sqrt(len(near))
    assert musicnn.compute_mmd(a, b + 1.0, width=width) > 10 * np.std(near)
    # Sets that share nothing are at the most: each is at 1 from itself.
    assert musicnn.compute_mmd(0 * a, 0 * b + 1e3, width=width) == pytest.approx(2.0)


@needs_weights
def test_it_hears_noise_as_far_from_tones_as_metal_is_from_ambient() -> None:
    folder = musicnn.find_weights()
    assert folder
    tensors = musicnn.read_tensors(folder)
    rng = np.random.default_rng(2)
    time_s = np.arange(6 * 8_000) / 8_000
    chord = sum(np.sin(2 * np.pi * f * time_s) for f in (220.0, 277.2, 329.6))
    heard = {
        "noise": musicnn.embed(tensors, buffer(0.1 * rng.standard_normal(len(time_s)))),
        "chord": musicnn.embed(tensors, buffer(0.1 * np.asarray(chord))),
    }
    assert heard["noise"].shape == (2, 200)
    tags = {
        name: (
            embedding @ tensors["dense_1/kernel"].numpy() + tensors["dense_1/bias"].numpy()
        ).mean(0)
        for name, embedding in heard.items()
    }
    metal, ambient = 11, 28  # of the labels in musicnn/configuration.py
    assert tags["noise"].argmax() == metal
    assert tags["chord"][ambient] > tags["chord"][metal] + 1.0


@needs_weights
def test_what_is_no_music_is_farther_than_music() -> None:
    folder = musicnn.find_weights()
    assert folder
    tensors = musicnn.read_tensors(folder)
    rng = np.random.default_rng(3)
    references = [rng.standard_normal((4, 200)) for _ in range(4)]
    found = musicnn.compare(tensors, references, references)
    assert set(found) == {"network", "split_half", "drone", "hum", "white_noise"}
    assert found["network"] < min(found["drone"], found["hum"], found["white_noise"])


def buffer(samples: np.ndarray) -> AudioBuffer:
    return AudioBuffer(np.asarray(samples, np.float32)[None], 8_000)
