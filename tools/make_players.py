"""Draws and plays docs/checkpoints.md: a network's parts beside their reference renderings.

python -m tools.make_players
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.dsp.resample import resample
from lofigen_kit.effects.mixer import mix_parts
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.render.take import render
from lofigen_kit.runtime.seeding import rng_for
from tools.pages import DOCS

mpl.use("Agg")
from matplotlib import pyplot as plt

FOLDER = DOCS / "checkpoints"
SEED, BARS, HEARD_S = 90, 4, 12.0
RANGE_DB, LOWEST_DBFS = 80.0, -100.0
WINDOW, HOP = 1024, 256
TICKS = {"100": 100, "500": 500, "1k": 1000, "2k": 2000, "5k": 5000, "10k": 10_000}


def play(model: str, checkpoint: str) -> tuple[dict[str, AudioBuffer], dict[str, AudioBuffer]]:
    """Return the parts of one arrangement as a network plays them, and their renderings."""
    document = {
        "version": 1, "name": "side by side", "seed": SEED,
        "source": {"use": "band", "bars": BARS},
        "model": {"use": model, "checkpoint": checkpoint},
        "sampler": {"use": "narrowed"},
    }  # fmt: skip
    preset = parse_preset(Document(document, "side by side"), root=None, registry=load_plugins())
    take = preset.source.make_take(Context(rng_for(SEED, 0, "source")))
    played = render(preset).played
    rate_hz = next(iter(played.values())).sample_rate_hz
    return played, {name: resample(sound.mono(), rate_hz) for name, sound in take.parts.items()}


def draw_pair(reference: AudioBuffer, played: AudioBuffer, title: str) -> bytes:
    """Return a picture of two spectrograms, the reference above, as PNG."""
    figure, axes = plt.subplots(
        2, 1, figsize=(9, 4.6), sharex=True, sharey=True, layout="constrained"
    )
    top_db = None
    for axis, sound, label in zip(axes, (reference, played), ("rendering", "network"), strict=True):
        levels, times_s, hz = _measure(sound)
        top_db = levels.max() if top_db is None else top_db
        axis.pcolormesh(
            times_s, hz, levels, vmin=top_db - RANGE_DB, vmax=top_db, cmap="magma", shading="auto"
        )
        axis.set_yscale("symlog", linthresh=500)
        axis.set_ylim(30, sound.sample_rate_hz / 2)
        axis.set_yticks(
            [100, 500, 1000, 2000, 5000, 10_000], ["100", "500", "1k", "2k", "5k", "10k"]
        )
        axis.set_ylabel(f"{label}, Hz")
    axes[0].set_title(title, fontsize=10, loc="left")
    axes[1].set_xlabel("s")
    out = io.BytesIO()
    figure.savefig(out, dpi=80, metadata={"Software": None})
    plt.close(figure)
    return out.getvalue()


def _measure(sound: AudioBuffer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    samples = sound.samples[0]
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2 / WINDOW**2
    hz = np.fft.rfftfreq(WINDOW, 1 / sound.sample_rate_hz)
    times_s = np.arange(len(frames)) * HOP / sound.sample_rate_hz
    return np.maximum(10 * np.log10(power.T + 1e-16), LOWEST_DBFS - 60), times_s, hz


def write_pairs(
    folder: Path,
    name: str,
    reference: Mapping[str, AudioBuffer],
    played: Mapping[str, AudioBuffer],
) -> None:
    """Write the pictures of every part, and both mixes as sounds."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "sounds").mkdir(exist_ok=True)
    for part, sound in played.items():
        png = draw_pair(_cut(reference[part]), _cut(sound), f"{name}: {part}")
        (folder / "pictures" / f"{name}-{part}.png").write_bytes(png)
    for parts, label in ((reference, "rendering"), (played, "network")):
        mix = resample(mix_parts(dict(parts), loop=True), 44_100)
        write_audio(
            folder / "sounds" / f"{name}-{label}.ogg", mix, format="ogg", bit_depth=16,
            comment=f"{name}, {label}", rng=rng_for(SEED, 0, "dither"), force=True,
        )  # fmt: skip


def _cut(sound: AudioBuffer) -> AudioBuffer:
    return sound.with_samples(sound.samples[:, : round(HEARD_S * sound.sample_rate_hz)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what the page shows of one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="conv4")
    parser.add_argument("--checkpoint", default="band", help="a bundled name, or a path")
    parser.add_argument("--docs", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    played, reference = play(given.model, given.checkpoint)
    name = f"{given.model}-{Path(given.checkpoint).stem}"
    write_pairs(given.docs, name, reference, played)


if __name__ == "__main__":
    main()
