"""What `train` can be told: the network, the hyperparameters, and how the run is done.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lofigen_kit.nn.distribution import HeadKind
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.plugins import defaults
from lofigen_kit.preset.settings import make_settings
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.training.config import REFERENCE, TrainingConfig

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class NetworkOptions:
    """The network.

    Attributes:
        model: Which variant: conv4, conv6, conv8, or a model of a plugin. Left out, or null, it is
            that of the model to go on from (`--from`, `--resume`).
        head: What the network predicts of the next sample: `mol` a mixture of logistics, `mulaw`
            256 levels, `mse` the mean alone, as LofiGen does.
        mixtures: Logistics in the mixture of a `mol` head, 1 to 64.
        guide: Whether the network follows a score.
    """

    model: str | None = defaults.MODEL
    head: HeadKind = "mol"
    mixtures: Annotated[int, Field(ge=1, le=64)] = 10
    guide: bool = True


@dataclass(frozen=True, config=_STRICT)
class RunOptions:
    """Data, hardware, and what is written.

    Attributes:
        split: Which songs are held out: `groups` holds out whole progressions, `reference` the
            last 30 % of the time, as LofiGen does (20 % to validate, 10 % to test).
        licence: Licence of the weights, as an SPDX name.
        device: Where the network trains: `cpu`, `cuda`, or `auto`, which is `cuda` if there is one.
        precision: `float32`, `bf16` (CUDA only), or `auto`, which is `bf16` on CUDA.
        convolution: How the layers convolve: `direct`, `fft`, `auto` (measured at the start), or
            one of these for each layer: `direct,fft,fft,fft`.
        threads: Number of CPU threads.
        save_every_s: Seconds between two checkpoints.
        tensorboard: Whether to write logs for TensorBoard.
        energy_country: Estimate energy and CO2 for the electricity of this country, by its three
            letters: DEU, USA; null does not.
    """

    split: Literal["groups", "reference"] = "groups"
    licence: str = "CC0-1.0"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    convolution: str = "auto"
    threads: Annotated[int, Field(ge=1)] = 1
    save_every_s: Annotated[float, Field(ge=0)] = 300.0
    tensorboard: bool = False
    energy_country: str | None = None


@dataclass(frozen=True, config=_STRICT)
class TrainSettings(RunOptions, TrainingConfig, NetworkOptions):
    """All that `train` can be told."""

    @property
    def training_config(self) -> TrainingConfig:
        """The hyperparameters alone."""
        names = [field.name for field in fields(TrainingConfig)]
        return TrainingConfig(**{name: getattr(self, name) for name in names})


NETWORK_FIELDS = tuple(field.name for field in fields(NetworkOptions))


def make_default_settings(head: HeadKind) -> TrainSettings:
    """Return the default settings for a head."""
    if head == "mse":
        return TrainSettings(head=head, guide=False, split="reference", **REFERENCE)
    return TrainSettings(head=head)


def choose_settings(
    given: Document,
    *,
    spec: NetworkSpec | None = None,
    config: TrainingConfig | None = None,
    facts: dict[str, Any] | None = None,
) -> TrainSettings:
    """Return the settings of a training: what was given, what was used before, or the defaults.

    Args:
        given: What the user gave, with places.
        spec: The network to go on from.
        config: The hyperparameters of the training to resume.
        facts: What that network's checkpoint or state recorded.

    Raises:
        PresetError: naming the place of a field that is unknown or out of its range.
    """
    head = given.data.get("head", spec.head if spec else "mol")
    defaults = asdict(make_default_settings(head if head in get_args(HeadKind) else "mol"))
    if spec:
        defaults |= {"model": None, "mixtures": spec.mixtures, "guide": bool(spec.guide)}
    if config:
        defaults |= asdict(config)
    settings = make_settings(TrainSettings, defaults, given)
    if "split" in given.data:
        return settings
    if facts is not None:
        is_reference = facts.get("split") == "reference"
    else:
        is_reference = settings.head == "mse" and not settings.guide
    return replace(settings, split="reference" if is_reference else "groups")
