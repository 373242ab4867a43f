from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lofigen_kit.api import AnyInstrument, make_instrument
from lofigen_kit.errors import PluginError, PresetError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import make_json_schema, parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit.provenance.recipe import find_instruments

PRESET = """\
version: 1
name: own
source:
  use: midi-file
  path: song.mid
  kit: {use: kit, kit: jazz}
  keys: {use: sample-instrument, path: samples}
  instruments: {pad: kit}
"""


class Band(BaseModel):
    """What names instruments."""

    kit: AnyInstrument = make_instrument("kit")
    others: dict[str, AnyInstrument] = {}


def parse(text: str) -> Any:
    return parse_preset(load(text.encode(), "own.yaml"), root=Path("nowhere"))


def test_an_instrument_is_a_name_a_mapping_or_itself() -> None:
    for given in ("kit", {"use": "kit"}, {"use": "kit", "kit": "dusty"}, make_instrument("kit")):
        band = Band(kit=given, others={"a": given})
        assert band.kit == make_instrument("kit") == band.others["a"]
    band = Band.model_validate({"kit": {"use": "kit", "kit": "jazz"}})
    assert band.model_dump() == {"kit": {"use": "kit", "kit": "jazz"}, "others": {}}
    assert Band.model_validate_json(band.model_dump_json(), strict=True) == band


@pytest.mark.parametrize("given", ["kitt", {"kit": "jazz"}, {"use": "kit", "kit": "x"}, 3, None])
def test_what_is_no_instrument_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        Band(kit=given)


def test_an_instrument_is_found_by_name() -> None:
    registry = load_plugins()
    assert make_instrument("kit", registry).use == "kit"
    with pytest.raises(PluginError, match=r"no instrument 'kitt'; did you mean 'kit'"):
        make_instrument("kitt", registry)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kit: jazz", "kit: jaz", r"own.yaml:6:\d+: source.kit.kit: 'jaz' is not one of 'dusty'"),
        ("kit: jazz", "kitt: 1", r"own.yaml:6:\d+: source.kit.kitt: there is no such field; did"),
        ("use: kit,", "use: kitt,", r"own.yaml:6:\d+: source.kit: there is no instrument 'kitt'"),
        ("pad: kit", "pad: {use: kit, kit: 3}", r"source.instruments.pad.kit: 3 is not one of"),
        ("pad: kit", "pad: {kit: jazz}", r"source.instruments.pad: names no component; add `use"),
        ("path: samples", "path: ../x", r"own.yaml:7:\d+: source.keys.path: '../x' lies outside"),
    ],
)
def test_a_mistake_in_a_presets_instrument_has_its_place(old: str, new: str, message: str) -> None:
    with pytest.raises(PresetError, match=message):
        parse(PRESET.replace(old, new, 1))


def test_a_presets_instruments_are_known_to_its_recipe() -> None:
    source = parse(PRESET).source
    assert [one.use for one in find_instruments(source)] == ["kit", "sample-instrument", "kit"]


def test_the_schema_lists_all_instruments() -> None:
    schema = make_json_schema(load_plugins())
    fields = schema["$defs"]["MidiFile"]["properties"]
    reference = {"$ref": "#/$defs/AnyInstrument"}
    assert reference in fields["keys"]["anyOf"]
    assert reference in fields["instruments"]["patternProperties"].values()
    names, mapping = schema["$defs"]["AnyInstrument"]["anyOf"]
    assert "kit" in names["enum"]
    assert "sample-kit" not in names["enum"]  # it needs a path
    assert {"kit", "sample-kit", "soundfont"} <= set(mapping["discriminator"]["mapping"])
    assert "boom-bap" in json.dumps(schema["$defs"]["Kit"])
