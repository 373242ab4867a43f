"""Validation of a network while it trains, on held-out songs: its loss, and what it plays.

Beside `model.safetensors` it writes `model.validation.csv`, with a row for each validation, and
into the folder `model_training/` what the network played, as FLAC, the picture of that sound, and
the picture of the training curve.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song
from lofigen_kit.evaluation.performance import measure_performance, summarise
from lofigen_kit.evaluation.plots import can_draw, plot_curve, plot_sound
from lofigen_kit.evaluation.rollout import EvaluationSampler, generate_rollouts
from lofigen_kit.nn.network import CausalStack, to_network
from lofigen_kit.runtime.files import write_atomic
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.config import TrainingConfig
from lofigen_kit.training.update import compute_loss

WINDOWS, WINDOW_FRAMES = 32, 4096
_logger = logging.getLogger(__name__)


class Validation:
    """Held-out songs, and the files that say how a network does on them.

    Args:
        songs: The validation split; some of them are taken, evenly spread.
        config: How many songs, how long to play each, and how widely to draw.
        checkpoint: The checkpoint beside which the files are written.
    """

    def __init__(self, songs: Sequence[Song], config: TrainingConfig, checkpoint: Path) -> None:
        count = min(config.validated_songs, len(songs))
        self.songs = [songs[i * len(songs) // count] for i in range(count)]
        self.config = config
        self.folder = checkpoint.with_name(f"{checkpoint.stem}_training")
        self.table = checkpoint.with_suffix(".validation.csv")
        self.title = checkpoint.stem
        self._crops: Crops | None = None
        if songs and config.validate_every and not can_draw():
            _logger.info("no pictures without matplotlib: pip install 'lofigen-kit[plots]'")

    def is_due(self, step: int) -> bool:
        """Return whether there is a validation after so many updates."""
        every = self.config.validate_every
        last = step == self.config.steps
        return bool(self.songs and every and step and (step % every == 0 or last))

    def run(
        self, stack: CausalStack, step: int, *, threads: int, progress: Callable[[int, int], None]
    ) -> tuple[dict[str, Any], np.ndarray]:
        """Return a row of figures, and what the network played of the first song."""
        rollouts = generate_rollouts(
            network := to_network(stack),
            EvaluationSampler(spread=self.config.self_play_spread),
            self.songs,
            seconds=self.config.validated_seconds,
            seed=int(rng_for(self.config.seed, step, "validation").integers(2**32)),
            threads=threads,
            progress=progress,
        )
        performances = [
            measure_performance(song, sound, network.spec.sample_rate_hz)
            for song, sound in zip(self.songs, rollouts, strict=True)
        ]
        figures = summarise(performances)
        del figures["collapse_faults"]  # not a number; the pictures show it
        row = {"step": step, "loss": round(self._loss(stack), 5), **figures}
        return row, rollouts[0]

    def write(
        self,
        rows: Sequence[dict[str, Any]],
        curve: Sequence[tuple[float, ...]],
        sound: np.ndarray | None,
        rate_hz: int,
    ) -> None:
        """Write the table, the sound of the first song, and the pictures."""
        self.write_table(rows)
        self.folder.mkdir(exist_ok=True)
        if sound is not None:
            self._write_sound(AudioBuffer(sound[None], rate_hz), rows[-1]["step"])
        if can_draw():
            png = plot_curve(curve, rows, self.title)
            write_atomic(self.folder / "curve.png", png)

    def write_table(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write the rows so far."""
        if rows:
            text = io.StringIO()
            table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
            write_atomic(self.table, text.getvalue().encode())

    def _loss(self, stack: CausalStack) -> float:
        """Return the loss on windows spread over the songs, without noise on the input."""
        spec = stack.spec
        if self._crops is None:
            frames = WINDOW_FRAMES + spec.receptive_field - 1
            self._crops = Crops(self.songs, spec, frames=frames)
        places = self._crops.list_crop_places(WINDOW_FRAMES)
        count = min(WINDOWS, len(places))
        chosen = [places[i * len(places) // count] for i in range(count)]
        with torch.no_grad():
            losses = [
                float(compute_loss(stack, self._crops.cut_crops([place]), spec)) for place in chosen
            ]
        return float(np.mean(losses))

    def _write_sound(self, audio: AudioBuffer, step: int) -> None:
        path = self.folder / f"step-{step:07d}.flac"
        write_audio(
            path,
            audio,
            format="flac",
            bit_depth=16,
            comment=f"played by {self.title} after {step} updates",
            rng=rng_for(self.config.seed, step, "dither"),
            force=True,
        )
        if can_draw():
            png = plot_sound(audio, f"{self.title}, {step} updates")
            write_atomic(path.with_suffix(".png"), png)
