"""What a training begins with: new weights, another model, or the state of a stopped training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from lofigen_kit.components.contracts import Model
from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, Song
from lofigen_kit.errors import InputError
from lofigen_kit.music.conditioning import channel_names
from lofigen_kit.nn import checkpoint
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.deepen import deepen, extend_guide
from lofigen_kit.nn.spec import NetworkSpec, make_stack_spec
from lofigen_kit.plugins import defaults
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.runtime.files import check_free
from lofigen_kit.training import state as states
from lofigen_kit.training.config import TrainingConfig, from_json
from lofigen_kit.training.settings import NETWORK_FIELDS, TrainSettings
from lofigen_kit.training.state import TrainingState


@dataclass(frozen=True, eq=False)
class Origin:
    """What a training begins with.

    Attributes:
        state: The state to resume; None begins a new training.
        start: The model to begin with; None makes new weights.
    """

    state: TrainingState | None = None
    start: Network | None = None

    @cached_property
    def spec(self) -> NetworkSpec | None:
        """The shape of the network to go on from.

        Raises:
            InputError: where the state has none.
        """
        if not self.state:
            return self.start.spec if self.start else None
        try:
            return NetworkSpec.model_validate(self.state.about.get("spec"))
        except ValueError:
            raise InputError("the state names no usable network") from None

    @property
    def config(self) -> TrainingConfig | None:
        """The hyperparameters of the training to resume."""
        return from_json(self.state.about.get("recipe") or {}) if self.state else None

    @property
    def facts(self) -> dict[str, Any] | None:
        """What the state or the model recorded of its training."""
        if self.state:
            return self.state.facts
        return self.start.facts if self.start else None


def find_origin(resumed: Path | None, start: Path | None) -> Origin:
    """Read what a training begins with.

    Args:
        resumed: The checkpoint whose training goes on; None begins a new training.
        start: A model to begin with.

    Raises:
        CheckpointError: where there is no state or model, or it is not whole.
    """
    return Origin(
        state=states.read(states.get_state_path(resumed)) if resumed else None,
        start=checkpoint.load(start) if start else None,
    )


def load_start(origin: Origin, spec: NetworkSpec, *, seed: int) -> Network | None:
    """Return the model to begin with, made larger where the network to train is another one."""
    start = origin.start
    if start and start.spec.guide != spec.guide:
        start = extend_guide(start, spec.guide)
    if start is None or start.spec == spec:
        return start
    return deepen(start, spec, seed=seed)


def check_output(output: Path, *, resume: bool, force: bool) -> None:
    """Refuse a name or a place before anything slow is done.

    Raises:
        InputError: for a name that is not a model's, a file that is there already, or a training
            that was stopped here.
    """
    if output.suffix != ".safetensors":
        raise InputError("the name of a model ends in .safetensors", where=output)
    check_free(output, force=force or resume)
    if states.get_state_path(output).exists() and not (resume or force):
        raise InputError(
            "a training was started here and is not finished",
            where=output,
            remedy="go on with --resume, or start again with --force",
        )


def choose_spec(
    registry: Registry,
    songs: Sequence[Song],
    settings: TrainSettings,
    given: Mapping[str, Any],
    before: NetworkSpec | None,
) -> NetworkSpec:
    """Return the shape of the network to train.

    Args:
        registry: Where the model is looked up.
        songs: The training songs; their scores name the channels of the guide.
        settings: All settings.
        given: Which of them the user gave; the others leave a network to go on from as it is.
        before: The shape of the network to go on from; None where there is none.

    Raises:
        PluginError: for an unknown model.
    """
    if before and not any(name in given for name in NETWORK_FIELDS):
        return before
    if before and settings.model is None:
        layers = tuple((n.in_channels, n.out_channels, n.kernel) for n in before.layers)
    else:
        layers = cast(
            "type[Model]", registry.find("model", settings.model or defaults.MODEL)
        ).layers
    guide: tuple[str, ...] = ()
    if settings.guide:
        by_part = any(song.part for song in songs)
        names = channel_names((song.score for song in songs), by_part=by_part)
        guide = (before.guide if before else ()) or names
        if by_part:  # what has come since it was trained
            guide = (*guide, *(name for name in names if name not in guide))
    return make_stack_spec(
        layers,
        head=settings.head,
        mixtures=settings.mixtures,
        guide=guide,
        sample_rate_hz=next((song.sample_rate_hz for song in songs), SAMPLE_RATE_HZ),
    )
