"""Judging a checkpoint: how well it predicts, and how well it plays when it runs free.

Teacher-forced loss does not predict free-running sound, so both are measured: the loss beside
linear prediction on the same split, and each played song beside its reference rendering, which is
the ceiling that a detector gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from lofigen_kit.analysis import chroma, chroma_similarity, drum_onsets, onset_f_measure
from lofigen_kit.audio import AudioBuffer
from lofigen_kit.components import Sampler
from lofigen_kit.doctor import Finding, examine
from lofigen_kit.engine import Track, generate
from lofigen_kit.guide import guide_channels
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import from_network
from lofigen_kit.score import Drum
from lofigen_kit.seeding import stream
from lofigen_kit.training.corpus import Song
from lofigen_kit.training.data import Crops
from lofigen_kit.training.linear import linear_predictor, residual
from lofigen_kit.training.loop import judged_loss

PRIME_FRAMES = 8192
AUDIBLE_VELOCITY = 0.35
"""Ghost notes below it are neither asked for nor held against a detector."""


@dataclass(frozen=True)
class Prediction:
    """Nats a sample on held-out songs, the network's beside linear prediction's."""

    network_nats: float
    linear_gaussian_nats: float
    linear_laplace_nats: float
    frames: int


@dataclass(frozen=True)
class Performance:
    """One song played free, beside its reference rendering.

    The onset and chroma figures stand in pairs: what the detector gives the network's audio, and
    what it gives the reference rendering.
    """

    title: str
    seconds: float
    level_db: float
    kick_f: float
    kick_f_reference: float
    snare_f: float
    snare_f_reference: float
    chroma: float
    chroma_reference: float
    mel_distance_db: float
    findings: tuple[Finding, ...]


def predict_nats(
    network: Network, train: Sequence[Song], held_out: Sequence[Song], *, window: int = 8192
) -> Prediction:
    """Return the teacher-forced loss on held-out songs, without noise, beside linear prediction.

    The linear predictor and the scale of its residual are fitted to the training songs. Both it
    and the network are judged on the same frames.
    """
    stack = from_network(network).eval()
    context = network.spec.receptive_field - 1
    crops = Crops(held_out, network.spec, frames=window + context)
    total = frames = 0.0
    with torch.no_grad():
        for place in crops.every(window):
            total += float(judged_loss(stack, crops.crops([place]))) * window
            frames += window
    gaussian, laplace = linear_prediction_nats(train, held_out)
    return Prediction(total / frames, gaussian, laplace, int(frames))


def linear_prediction_nats(
    train: Sequence[Song], held_out: Sequence[Song]
) -> tuple[float, float]:
    """Return nats a sample of linear prediction with a Gaussian and with a Laplace residual."""
    weights, _ = linear_predictor([song.samples for song in train], noise=1e-6)
    fitted = np.concatenate([residual(song.samples, weights) for song in train])
    judged = np.concatenate([residual(song.samples, weights) for song in held_out])
    variance, width = np.mean(fitted**2), np.mean(np.abs(fitted))
    gaussian = 0.5 * math.log(2.0 * math.pi * variance) + np.mean(judged**2) / (2.0 * variance)
    laplace = math.log(2.0 * width) + np.mean(np.abs(judged)) / width
    return float(gaussian), float(laplace)


def play(
    network: Network,
    sampler: Sampler,
    songs: Sequence[Song],
    *,
    seconds: float | None,
    seed: int,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[np.ndarray]:
    """Return each song as the network plays it, primed by the reference's end, then free.

    Args:
        network: The network.
        sampler: How it draws.
        songs: Whose scores to follow, round and round.
        seconds: How long; None is each song's own length.
        seed: Of the sampling noise.
        threads: Cores to use.
        progress: Frames done and frames in all.
    """
    rate = network.spec.sample_rate_hz
    tracks = []
    for index, song in enumerate(songs):
        frames = len(song.samples) if seconds is None else round(seconds * rate)
        prime = song.samples[-PRIME_FRAMES:]
        guide = guide_channels(
            song.score,
            network.spec.guide,
            start=-len(prime),
            frames=len(prime) + frames,
            sample_rate_hz=rate,
        )
        tracks.append(Track(frames, prime, guide, stream(seed, index, "sampler")))
    return generate(network, sampler, tracks, threads=threads, progress=progress)


def judge(song: Song, played: np.ndarray, rate_hz: int) -> Performance:
    """Return the measures of one played song."""
    reference = np.resize(song.samples, len(played))  # round and round, as the guide goes
    ours, theirs = AudioBuffer(played[None], rate_hz), AudioBuffer(reference[None], rate_hz)
    kick = _onset_pair(song, "kick", ours, theirs)
    snare = _onset_pair(song, "snare", ours, theirs)
    heard, ceiling = chroma(ours), chroma(theirs)
    times_s = (np.arange(heard.shape[1]) + 0.5) * ours.duration_s / heard.shape[1]
    written = song.score.chroma(times_s)
    return Performance(
        title=song.title,
        seconds=ours.duration_s,
        level_db=_level_db(played) - _level_db(reference),
        kick_f=kick[0],
        kick_f_reference=kick[1],
        snare_f=snare[0],
        snare_f_reference=snare[1],
        chroma=chroma_similarity(heard, written),
        chroma_reference=chroma_similarity(ceiling, written),
        mel_distance_db=mel_distance_db(ours, theirs),
        findings=tuple(examine(ours)),
    )


def _onset_pair(
    song: Song, drum: Drum, ours: AudioBuffer, theirs: AudioBuffer
) -> tuple[float, float]:
    """Return the F-measure of the played and of the reference audio against the score."""
    once = song.score.onsets_s(drum, min_velocity=AUDIBLE_VELOCITY)
    ghosts = np.setdiff1d(song.score.onsets_s(drum), once)
    rounds = math.ceil(ours.duration_s / song.score.duration_s)
    asked = _rounds(once, song, rounds, ours.duration_s)
    optional = _rounds(ghosts, song, rounds, ours.duration_s)
    scores = []
    for audio in (ours, theirs):
        found = drum_onsets(audio, drum)
        on_ghost = [np.any(np.abs(optional - t) <= 0.05) and not np.any(np.abs(asked - t) <= 0.05)
                    for t in found]
        scores.append(onset_f_measure(asked, found[~np.array(on_ghost, dtype=bool)]))
    return scores[0], scores[1]


def _rounds(onsets_s: np.ndarray, song: Song, rounds: int, duration_s: float) -> np.ndarray:
    """Return onsets repeated as the loop goes round, up to a duration."""
    repeated = np.concatenate([onsets_s + n * song.score.duration_s for n in range(rounds)])
    return repeated[repeated < duration_s]


def mel_distance_db(ours: AudioBuffer, theirs: AudioBuffer) -> float:
    """Return the mean absolute difference of two mel spectrograms, 64 bands, floored at -80 dB."""
    import librosa

    levels = []
    for audio in (ours, theirs):
        power = librosa.feature.melspectrogram(
            y=audio.samples[0], sr=audio.sample_rate_hz, n_fft=512, hop_length=128, n_mels=64
        )
        levels.append(10.0 * np.log10(np.maximum(power / 512.0, 1e-8)))
    return float(np.abs(levels[0] - levels[1]).mean())


def _level_db(samples: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def summarise(performances: Sequence[Performance]) -> dict[str, Any]:
    """Return means and worst cases over songs, as plain data."""
    rows = [asdict(performance) for performance in performances]

    def mean(name: str) -> float:
        return round(float(np.mean([row[name] for row in rows])), 4)

    names = ["kick_f", "kick_f_reference", "snare_f", "snare_f_reference"]
    names += ["chroma", "chroma_reference", "mel_distance_db"]
    return {
        "songs": len(rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "worst_level_db": round(max((row["level_db"] for row in rows), key=abs), 2),
        "mean_level_db": mean("level_db"),
        **{name: mean(name) for name in names},
        "collapsed": sum(bool(row["findings"]) for row in rows),
    }
