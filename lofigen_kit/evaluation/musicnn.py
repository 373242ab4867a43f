"""The distance between two sets of music, in the embedding of a network that tags songs.

The weights are those of MSD_musicnn (Pons and Serra, "musicnn: pre-trained convolutional neural
networks for music audio tagging", 2019; ISC licence), read from the wheel that carries them
(`pip install --no-deps musicnn`): none of its code is run, and no TensorFlow is needed. The
embeddings are compared by the maximum mean discrepancy (Gretton et al., JMLR 13, 2012), which,
unlike the Frechet distance, has no bias for few pieces (Chung et al., "KAD", 2025).

It is a distance from a set of references, not a measure of quality.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.errors import InputError

RATE_HZ, FFT, HOP, MELS = 16_000, 512, 256, 96
PATCH = 187
"""Frames of one patch: three seconds."""
EPSILON = 1e-3
"""What TensorFlow's batch normalisation adds to a variance."""
TABLE_MAGIC = 0xDB4775248B80FB57

Tensors = dict[str, Tensor]


def find_weights() -> Path | None:
    """Return the folder of the weights, or None where the wheel is not installed."""
    found = importlib.util.find_spec("musicnn")
    places = (found.submodule_search_locations if found else None) or ()
    folders = [Path(place) / "MSD_musicnn" for place in places]
    return next((folder for folder in folders if (folder / ".index").is_file()), None)


def read_tensors(folder: Path) -> Tensors:
    """Read a TensorFlow checkpoint of one shard, whose files have no name but their suffix.

    The index is a LevelDB table from names to protobufs of shape, offset and size; the tensors
    follow one another in the data file. Adam's moments are left out.

    Raises:
        InputError: if there is no such checkpoint, or it is damaged.
    """
    try:
        index = (folder / ".index").read_bytes()
        data = (folder / ".data-00000-of-00001").read_bytes()
        if struct.unpack("<Q", index[-8:])[0] != TABLE_MAGIC:
            raise ValueError("not a table")
        # The footer: offset and size of the table's own index, after those of a meta index.
        top, size = _varints(index[-48:], 4)[2:]
        return {
            name.decode(): _tensor(dict(_fields(entry)), data)
            for _, handle in _entries(index, top, size)
            for name, entry in _entries(index, *_varints(handle, 2))
            if name and not name.endswith((b"/Adam", b"/Adam_1", b"_power"))
        }
    except (OSError, ValueError, IndexError, struct.error, RuntimeError) as error:
        raise InputError(f"no TensorFlow checkpoint ({error})", where=folder) from None


def _varints(blob: bytes, count: int, at: int = 0) -> list[int]:
    found = []
    for _ in range(count):
        value, at = _varint(blob, at)
        found.append(value)
    return found


def _varint(blob: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (blob[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if blob[at - 1] < 0x80:
            return value, at


def _entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of one block, whose keys leave out what they share with the last."""
    block = table[offset : offset + size]
    if table[offset + size] != 0:
        raise ValueError("a compressed block")
    end = size - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        yield key, block[at + fresh : at + fresh + length]
        at += fresh + length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf by number."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        length, at = (4, at) if tag & 7 == 5 else _varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _tensor(entry: dict[int, int | bytes], data: bytes) -> Tensor:
    """Return the float32 tensor of an entry: 2 is its shape, 4 its offset, 5 its size."""
    shape, offset, size = entry.get(2, b""), entry.get(4, 0), entry[5]
    if not (isinstance(shape, bytes) and isinstance(offset, int) and isinstance(size, int)):
        raise ValueError("an entry of another kind")
    sides = [dict(_fields(side))[1] for _, side in _fields(shape) if isinstance(side, bytes)]
    values = np.frombuffer(data[offset : offset + size], "<f4")
    return torch.from_numpy(values.reshape([int(side) for side in sides]).copy())


def compute_patches(audio: AudioBuffer) -> Tensor:
    """Return the log mel spectrogram, three seconds a patch [shape=(patches, 187, 96)].

    What is left over at the end is not used; audio under three seconds gives no patch.
    """
    import librosa

    from lofigen_kit.dsp.resample import resample

    mono = resample(audio.mono(), RATE_HZ).samples[0]
    mel = librosa.feature.melspectrogram(
        y=mono, sr=RATE_HZ, hop_length=HOP, n_fft=FFT, n_mels=MELS
    ).T
    count = len(mel) // PATCH
    levels = np.log10(10_000.0 * mel[: count * PATCH] + 1.0).astype(np.float32)
    return torch.from_numpy(levels.reshape(count, PATCH, MELS))


def embed(tensors: Tensors, audio: AudioBuffer) -> np.ndarray:
    """Return the embedding of each patch of three seconds [shape=(patches, 200)]."""
    with torch.no_grad():
        found = [_penultimate(tensors, patch[None]) for patch in compute_patches(audio)]
    return torch.cat(found).numpy() if found else np.zeros((0, 200), np.float32)


def _penultimate(tensors: Tensors, x: Tensor) -> Tensor:
    """Return the last layer but one [shape=(batch, 200)] of patches [shape=(batch, frames, 96)]."""
    x = _normalise(tensors, x[:, None], 0)
    timbral = [_convolve(tensors, x, n, pad=(3, 3)).amax(dim=3) for n in (0, 1)]
    # TensorFlow pads an even kernel by one more behind than before.
    temporal = [
        _convolve(tensors, x, n, pad=(taps // 2 - 1, taps // 2)).amax(dim=3)
        for n, taps in ((2, 128), (3, 64), (4, 32))
    ]
    front = torch.cat([*timbral, *temporal], dim=1)
    layers, x = [front], front
    for number in (5, 6, 7):
        image = x.transpose(1, 2)[:, None]  # (batch, 1, frames, channels)
        made = _convolve(tensors, image, number, pad=(3, 3))[..., 0]
        x = made if number == 5 else made + x
        layers.append(x)
    features = torch.cat(layers, dim=1)
    pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
    hidden = _normalise(tensors, pooled, 9) @ tensors["dense/kernel"] + tensors["dense/bias"]
    return _normalise(tensors, torch.relu(hidden), 10)


def _convolve(tensors: Tensors, x: Tensor, number: int, *, pad: tuple[int, int]) -> Tensor:
    """Return convolution, ReLU and normalisation of one layer; only time is padded."""
    name = f"conv2d_{number}" if number else "conv2d"
    weight = tensors[f"{name}/kernel"].permute(3, 2, 0, 1)
    padded = functional.pad(x, (0, 0, *pad))
    made = functional.conv2d(padded, weight, tensors[f"{name}/bias"])
    return _normalise(tensors, torch.relu(made), number + 1)


def _normalise(tensors: Tensors, x: Tensor, number: int) -> Tensor:
    """Return batch normalisation by the means and variances that were learnt."""
    name = f"batch_normalization_{number}" if number else "batch_normalization"
    shape = [1, -1, *[1] * (x.dim() - 2)]
    gain = tensors[f"{name}/gamma"] / torch.sqrt(tensors[f"{name}/moving_variance"] + EPSILON)
    centred = x - tensors[f"{name}/moving_mean"].reshape(shape)
    return centred * gain.reshape(shape) + tensors[f"{name}/beta"].reshape(shape)


def compute_mmd(ours: np.ndarray, theirs: np.ndarray, *, width: float) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy.

    Args:
        ours: Embeddings, at least two [shape=(n, dimensions)].
        theirs: Likewise [shape=(m, dimensions)].
        width: Of the Gaussian kernel; `compute_median_distance` of the references.

    Returns:
        About 0 for two draws of one distribution (it may be below), at most 2.
    """
    kernels = [np.exp(-_distances(a, b) / (2.0 * width**2))
               for a, b in ((ours, ours), (theirs, theirs), (ours, theirs))]  # fmt: skip
    n, m = len(ours), len(theirs)
    within = (kernels[0].sum() - n) / (n * (n - 1)) + (kernels[1].sum() - m) / (m * (m - 1))
    return float(within - 2.0 * kernels[2].mean())


def compute_median_distance(embeddings: np.ndarray) -> float:
    """Return the median distance of two embeddings."""
    distances = _distances(embeddings, embeddings)
    return float(np.sqrt(np.median(distances[np.triu_indices(len(embeddings), 1)])))


def _distances(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return squared distances [shape=(n, m)]."""
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0))


def compare(
    tensors: Tensors, played: Sequence[np.ndarray], references: Sequence[np.ndarray]
) -> dict[str, float]:
    """Return the discrepancy of takes from references, and of sounds that are near and far.

    Args:
        tensors: The weights.
        played: Embedding of each take [shape=(patches, 200)].
        references: Embedding of each reference rendering; at least two.

    Returns:
        `network`; `split_half`, of one half of the references from the other, which is as near as
        chance allows; and `drone`, `hum` and `white_noise`, which are far.
    """
    whole = np.concatenate(list(references))
    width = compute_median_distance(whole)
    near = compute_mmd(
        np.concatenate(list(references[::2])), np.concatenate(list(references[1::2])), width=width
    )
    found = {"network": np.concatenate(list(played)), **_failures(tensors)}
    far = {name: compute_mmd(made, whole, width=width) for name, made in found.items()}
    return {"split_half": near, **far}


def _failures(
    tensors: Tensors, seconds: float = 30.0, rate_hz: int = 8_000
) -> dict[str, np.ndarray]:
    """Return the embeddings of sounds that are not music."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    # How the reference project's networks failed: a drone that dies away, then mains hum alone.
    partials = sum(np.sin(2 * np.pi * 110.0 * n * time_s) / n for n in (1, 2, 3, 4))
    sounds = {
        "drone": 0.2 * np.exp(-time_s / 6.0) * partials,
        "hum": 0.2 * np.sin(2 * np.pi * 52.0 * time_s),
        "white_noise": 0.1 * np.random.default_rng(0).standard_normal(len(time_s)),
    }
    return {
        name: embed(tensors, AudioBuffer(np.asarray(sound, np.float32)[None], rate_hz))
        for name, sound in sounds.items()
    }
