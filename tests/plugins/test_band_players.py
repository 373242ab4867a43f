"""What plays in the band: instruments with settings, beside the names to choose from."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lofigen_kit.api import DRUMS, Take, make_instrument
from lofigen_kit.components.base import Context
from lofigen_kit.errors import PresetError
from lofigen_kit.preset.schema import Preset, parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit.provenance.recipe import find_instruments
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band

RATE_HZ = 44_100
PIANO = {"use": "sample-instrument", "path": "my-piano", "licence": "CC-BY-4.0"}
DRUM_SET = {"use": "sample-kit", "path": "my-drums", "licence": "MIT"}


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A folder of sines for notes, another of clicks for drums."""
    elapsed_s = np.arange(RATE_HZ) / RATE_HZ
    for folder in ("my-piano", "my-drums"):
        (tmp_path / folder).mkdir()
    for midi in (48, 60, 72):
        hz = 440.0 * 2.0 ** ((midi - 69) / 12)
        tone = 0.5 * np.exp(-elapsed_s) * np.sin(2 * np.pi * hz * elapsed_s)
        soundfile.write(tmp_path / "my-piano" / f"{midi}.wav", tone, RATE_HZ)
    for number, drum in enumerate(DRUMS):
        click = np.exp(-40 * elapsed_s) * np.sin(2 * np.pi * 200 * (number + 1) * elapsed_s)
        soundfile.write(tmp_path / "my-drums" / f"{drum}.wav", 0.5 * click, RATE_HZ)
    return tmp_path


def make(root: Path | None = None, **fields: object) -> Take:
    source = Band.model_validate({"bars": 2, **fields})
    return source.make_take(Context(rng_for(4, 0, "source"), root=root))


def parse(source: str) -> Preset:
    text = f"version: 1\nname: own\nsource:\n  use: band\n{source}"
    return parse_preset(load(text.encode(), "own.yaml"), root=Path("nowhere"))


def test_folders_of_samples_play_and_the_rest_stays_as_it_was(samples: Path) -> None:
    plain, own = make(), make(samples, keys=PIANO, kit=DRUM_SET)
    assert own.score.hits == plain.score.hits
    assert {"keys:sample-instrument", "kit:sample-kit"} <= {*own.score.instruments}
    assert {*own.licence.split(" AND ")} == {"CC0-1.0", "CC-BY-4.0", "MIT"}
    ours, theirs = own.parts["bass"].samples, plain.parts["bass"].samples
    gain = np.abs(ours).max() / np.abs(theirs).max()  # whatever turns them down
    np.testing.assert_allclose(ours, gain * theirs, atol=1e-5)
    keys = own.parts["keys"].samples.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(keys)) ** 2
    hz = np.fft.rfftfreq(len(keys), 1 / RATE_HZ)
    sounding = [n.frequency_hz for n in own.score.notes if n.part == "keys"]
    near = np.any([np.abs(hz - f) < 12 for f in sounding], axis=0)
    assert spectrum[near].sum() > 0.95 * spectrum.sum()  # they are sines


def test_a_name_and_the_same_instrument_as_a_mapping_play_the_same() -> None:
    named = make(keys="felt-piano", kit="jazz", bass="sub-bass", lead="flute")
    for kit in ({"use": "kit", "kit": "jazz"}, make_instrument("kit", kit="jazz")):
        told = make(keys={"use": "felt-piano"}, kit=kit, bass={"use": "sub-bass"},
                    lead={"use": "flute"})  # fmt: skip
        np.testing.assert_array_equal(told.audio.samples, named.audio.samples)
        assert told.score == named.score


def test_a_preset_keeps_them_through_its_recipe() -> None:
    preset = parse("  keys: {use: sample-instrument, path: my-piano}\n  lead: none\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydantic warns of what it cannot write
        data = preset.model_dump(mode="json", serialize_as_any=True)
    assert data["source"]["keys"]["path"] == "my-piano"
    assert data["source"]["lead"] == "none"
    assert Band.model_validate(data["source"]) == preset.source
    assert [one.use for one in find_instruments(preset.source)] == ["sample-instrument"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("keys: {use: sample-instrument, folder: x}", r"source\.keys\.path: is missing"),
        ("keys: {use: sample-instrument, path: x, releas_s: 1}",
         r"own\.yaml:5:\d+: source\.keys\.releas_s: .* did you mean 'release_s'\?$"),
        ("keys: {use: sample-instrumant, path: x}",
         r"source\.keys: there is no instrument 'sample-instrumant'; did you mean 'sample-inst"),
        ("kit: {use: kit, kit: jaz}", r"source\.kit\.kit: 'jaz' is not one of 'dusty'"),
        ("bass: {path: x}", r"source\.bass: names no component; add `use: NAME`"),
        ("lead: [flute]", r"source\.lead: \['flute'\] is not a mapping of fields"),
        ("kit: {use: sample-kit, path: ../x}", r"source\.kit\.path: '\.\./x' lies outside"),
        ("keys: {use: sample-instrument, path: x, release_s: '1'}", r"release_s: '1' is not a num"),
        ("keys: felt-pino", r"'felt-pino' is not known; did you mean 'felt-piano'\?"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_field_and_the_nearest_name(field: str, message: str) -> None:
    with pytest.raises(PresetError, match=message):
        parse(f"  {field}\n")


def test_the_schema_of_presets_knows_them() -> None:
    from lofigen_kit.plugins.loader import load_plugins
    from lofigen_kit.preset.schema import make_json_schema

    fields: dict[str, Any] = make_json_schema(load_plugins())["$defs"]["Band"]["properties"]
    for name in ("kit", "keys", "bass", "lead"):
        assert {"$ref": "#/$defs/AnyInstrument"} in fields[name]["anyOf"]
