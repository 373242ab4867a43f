"""Judging a checkpoint: how well it predicts, and how well it plays when it runs free.

Teacher-forced loss does not predict free-running sound, so both are measured: the loss beside
linear prediction on the same split, and each played song beside its reference rendering, which is
the ceiling that a detector gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure
from lofigen_kit.audio import AudioBuffer
from lofigen_kit.doctor import Finding, examine
from lofigen_kit.guide import guide_channels
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import from_network
from lofigen_kit.score import Score
from lofigen_kit.training.corpus import Song
from lofigen_kit.training.data import Crops
from lofigen_kit.training.linear import linear_predictor, residual
from lofigen_kit.training.update import judged_loss

BASS_LEVEL = 2.5
"""How much louder than a chord's note a bass note is, in the tones that stand for a score."""


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
            total += float(judged_loss(stack, crops.crops([place]), network.spec)) * window
            frames += window
    gaussian, laplace = linear_prediction_nats(train, held_out)
    return Prediction(total / frames, gaussian, laplace, int(frames))


def linear_prediction_nats(train: Sequence[Song], held_out: Sequence[Song]) -> tuple[float, float]:
    """Return nats a sample of linear prediction with a Gaussian and with a Laplace residual."""
    weights, _ = linear_predictor([song.samples for song in train], noise=1e-6)
    fitted = np.concatenate([residual(song.samples, weights) for song in train])
    judged = np.concatenate([residual(song.samples, weights) for song in held_out])
    variance, width = np.mean(fitted**2), np.mean(np.abs(fitted))
    gaussian = 0.5 * math.log(2.0 * math.pi * variance) + np.mean(judged**2) / (2.0 * variance)
    laplace = math.log(2.0 * width) + np.mean(np.abs(judged)) / width
    return float(gaussian), float(laplace)


def judge(song: Song, played: np.ndarray, rate_hz: int) -> Performance:
    """Return the measures of one played song."""
    reference = np.resize(song.samples, len(played))  # round and round, as the guide goes
    ours, theirs = AudioBuffer(played[None], rate_hz), AudioBuffer(reference[None], rate_hz)
    score = repeated(song.score, ours.duration_s)
    written = chroma(_tones(song.score, len(played), rate_hz))
    return Performance(
        title=song.title,
        seconds=ours.duration_s,
        level_db=_level_db(played) - _level_db(reference),
        kick_f=drum_f_measure(ours, score, "kick"),
        kick_f_reference=drum_f_measure(theirs, score, "kick"),
        snare_f=drum_f_measure(ours, score, "snare"),
        snare_f_reference=drum_f_measure(theirs, score, "snare"),
        chroma=chroma_similarity(chroma(ours), written),
        chroma_reference=chroma_similarity(chroma(theirs), written),
        mel_distance_db=mel_distance_db(ours, theirs),
        findings=tuple(examine(ours)),
    )


def repeated(score: Score, duration_s: float) -> Score:
    """Return the hits of a looped score as they come round and round, up to a duration."""
    rounds = math.ceil(duration_s / score.duration_s)
    hits = [
        hit.model_copy(update={"onset_s": hit.onset_s + n * score.duration_s})
        for n in range(rounds)
        for hit in score.hits
    ]
    kept = tuple(hit for hit in hits if hit.onset_s < duration_s)
    return score.model_copy(update={"hits": kept, "duration_s": duration_s, "loop": False})


def _tones(score: Score, frames: int, rate_hz: int) -> AudioBuffer:
    """Return the score as plain decaying sines, which have the chroma that is written."""
    chords, bass = guide_channels(
        score, ("chords.sin", "bass.sin"), start=0, frames=frames, sample_rate_hz=rate_hz
    )
    return AudioBuffer((chords + BASS_LEVEL * bass)[None], rate_hz)


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
        "worst_level_db": round(max(abs(row["level_db"]) for row in rows), 2),
        "mean_level_db": mean("level_db"),
        **{name: mean(name) for name in names},
        "collapsed": sum(bool(row["findings"]) for row in rows),
    }
