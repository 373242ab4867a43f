"""What `train` is told, and what it takes where it is told nothing."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lofigen_kit.cli.train import OPTIONS, TITLE
from lofigen_kit.components.base import read_attribute_docs
from lofigen_kit.errors import InputError, PresetError
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.settings import collect_settings, format_settings
from lofigen_kit.training.config import (
    FIELD_NAMES,
    REFERENCE,
    STORED_NAMES,
    TrainingConfig,
    make_default_config,
)
from lofigen_kit.training.hardware import choose_precision, parse_convolution
from lofigen_kit.training.origin import choose_spec
from lofigen_kit.training.settings import (
    TrainSettings,
    choose_settings,
    make_default_settings,
)


def choose(*overrides: str, **more: Any) -> TrainSettings:
    return choose_settings(collect_settings(overrides=overrides, aliases=FIELD_NAMES), **more)


def test_every_hyperparameter_can_be_set() -> None:
    default = TrainingConfig()
    values: dict[type, Any] = {str: "constant", int: 2, float: 0.25}
    for field in fields(TrainingConfig):
        value = values[type(getattr(default, field.name))]
        if field.name == "learning_rate_scaling":
            value = "none"
        assert getattr(default, field.name) != value
        found = choose(f"{field.name}={value}").training_config
        assert found == replace(default, **{field.name: value})


@pytest.mark.parametrize("name", sorted(STORED_NAMES))
def test_the_key_of_a_file_is_another_name_of_its_field(name: str) -> None:
    value = 3 if isinstance(getattr(TrainingConfig(), name), int) else 0.5
    assert getattr(choose(f"{STORED_NAMES[name]}={value}"), name) == value


def test_no_name_means_two_fields() -> None:
    assert not set(FIELD_NAMES) & {field.name for field in fields(TrainSettings)}
    assert len(FIELD_NAMES) == len(STORED_NAMES)


def test_the_defaults_depend_on_the_head() -> None:
    assert choose() == make_default_settings("mol") == TrainSettings()
    found = choose("head=mse", "batch=4")
    assert found.training_config == TrainingConfig(**{**REFERENCE, "batch": 4})
    assert (found.guide, found.split) == (False, "reference")
    guided = choose("head=mse", "guide=true")
    assert (guided.guide, guided.split) == (True, "groups")
    with pytest.raises(PresetError, match="head: 'mes' is not one of"):
        choose("head=mes")


def test_a_training_that_goes_on_keeps_what_it_had() -> None:
    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], head="mse", guide=("a",))
    config = TrainingConfig(steps=5, noise_max=0.3)
    found = choose("batch=2", spec=spec, config=config, facts={"split": "reference"})
    assert found.training_config == TrainingConfig(steps=5, noise_max=0.3, batch=2)
    assert (found.head, found.guide, found.split) == ("mse", True, "reference")
    begun = choose(spec=spec, facts={})
    assert begun.training_config == make_default_config("mse")
    assert begun.split == "groups"
    assert choose("split=groups", spec=spec, facts={"split": "reference"}).split == "groups"


@pytest.mark.parametrize("head", ["mol", "mulaw", "mse"])
def test_what_is_printed_trains_the_same(tmp_path: Path, head: Any) -> None:
    settings = make_default_settings(head)
    file = tmp_path / "train.yaml"
    file.write_text(format_settings(settings, title=TITLE))
    assert choose_settings(collect_settings(file=file)) == settings


def test_every_setting_is_described() -> None:
    told = read_attribute_docs(TrainSettings)
    assert {field.name for field in fields(TrainSettings)} <= set(told)
    options = [*OPTIONS.shown.values(), *OPTIONS.hidden.values()]
    assert len(options) == len(set(options))
    assert set(options) <= {field.name for field in fields(TrainSettings)}


def test_the_page_lists_the_options_that_help_does_not() -> None:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text()
    rows = re.findall(r"^\| `(--[\w/-]+)` \| `(\w+)` \|$", page, re.MULTILINE)
    assert dict(rows) == dict(OPTIONS.hidden)


def test_a_network_to_go_on_from_changes_only_where_that_is_asked_for(
    registry: Registry, tmp_path: Path
) -> None:
    before = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2, guide=("a",))

    def spec(*overrides: str) -> Any:
        given = collect_settings(overrides=overrides)
        settings = choose_settings(given, spec=before, facts={})
        return choose_spec(registry, [], settings, given.data, before)

    assert spec("steps=3") is before
    assert spec("mixtures=3") == make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=3, guide=("a",))
    assert spec("guide=false").guide == ()
    # All settings as they are printed for it keep it as it is.
    printed = format_settings(choose(spec=before, facts={}), title="")
    assert "\nmodel: null\n" in printed
    (tmp_path / "all.yaml").write_text(printed)
    given = collect_settings(file=tmp_path / "all.yaml")
    settings = choose_settings(given, spec=before, facts={})
    assert choose_spec(registry, [], settings, given.data, before) == before
    deeper = spec("model=conv6")
    assert (len(deeper.layers), deeper.mixtures, deeper.guide) == (6, 2, ("a",))


def test_hardware_that_cannot_be_is_refused_with_its_place() -> None:
    assert choose_precision("auto", "cuda", where="x") == "bf16"
    assert choose_precision("auto", "cpu", where="x") == "float32"
    with pytest.raises(InputError, match=r"a\.yaml:1:1: bf16 needs CUDA"):
        choose_precision("bf16", "cpu", where="a.yaml:1:1")
    assert parse_convolution("auto", 2, where="x") == "auto"
    assert parse_convolution("fft", 2, where="x") == ["fft", "fft"]
    assert parse_convolution("direct,fft", 2, where="x") == ["direct", "fft"]
    for wrong in ("direct,fft,fft", "fast", ""):
        with pytest.raises(InputError, match="for each of the 2 layers"):
            parse_convolution(wrong, 2, where="x")
