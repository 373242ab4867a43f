from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lofigen_kit.errors import PresetError
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.score import Note, Score
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import (
    Preset,
    find_preset,
    list_presets,
    load_preset,
    make_json_schema,
    parse_preset,
)
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.preset.yaml_loader import load as load_yaml

Load = Callable[..., Preset]

BASE = "version: 1\nname: t\nsource: {use: bursts}\n"


def refusal(text: str, registry: Registry) -> str:
    with pytest.raises(PresetError) as error:
        parse_preset(load_yaml(text.encode(), "t.yaml"), root=None, registry=registry)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "t.yaml:1:1: a preset is a mapping of fields; begin with `version: 1`"),
        ("version: 1\nname: t", "t.yaml:1:1: source: is missing; add it"),
        ("version: 9", "t.yaml:1:10: version: version 9 is not known (and 2 more); this"),
        (BASE + "seeed: 3", "t.yaml:4:1: seeed: there is no such field; did you mean 'seed'?"),
        (BASE + "seed: -1", "t.yaml:4:7: seed: -1 is below the minimum 0; give 0 to 184467"),
        (BASE + "seed: '7'", "t.yaml:4:7: seed: '7' is not a whole number"),
        (BASE + "seed: 7.5", "t.yaml:4:7: seed: 7.5 is not a whole number"),
        (BASE + "description: 5", "t.yaml:4:14: description: 5 is not text; put it in quotes"),
        (BASE + "dry_mix: 2", "t.yaml:4:10: dry_mix: 2 is above the maximum 1; give 0 to 1"),
        (BASE + "dry_mix: yes", "t.yaml:4:10: dry_mix: 'yes' is not a number"),
        (
            BASE + "mixer:\n  bass: {}\n  Keys: {}",
            "t.yaml:6:3: mixer.Keys: 'Keys' is no part's name, which begins with a small letter "
            "and has up to 32 small letters, digits and hyphens; did you mean 'keys'?",
        ),
        (
            BASE + "mixer: {Lead Synth: {}}",
            "t.yaml:4:9: mixer.Lead Synth: 'Lead Synth' is no part's",
        ),
        (
            BASE + "mixer: {keys: {effects: [{use: revrb}]}}",
            "t.yaml:4:32: mixer.keys.effects[0]: there is no effect 'revrb'; did you mean 'reverb'",
        ),
        (
            BASE + "mixer: {808: {}}",
            "t.yaml:4:9: mixer.808: '808' is no part's name, which begins ",
        ),
        (BASE + "effects: {}", "t.yaml:4:10: effects: {} is not a list"),
        (BASE + "effects:\n- lowpass", "t.yaml:5:3: effects[0]: 'lowpass' is not a mapping of"),
        (BASE + "effects:\n- {mix: 1}", "t.yaml:5:3: effects[0]: names no component; add `use:"),
        (
            BASE + "effects:\n- {use: fake-noise}\n- {use: fake-noize}",
            "t.yaml:6:9: effects[1]: there is no effect 'fake-noize'; did you mean 'fake-noise'?",
        ),
        (BASE + "effects:\n- use: no", "t.yaml:5:8: effects[0]: there is no effect 'no'; see"),
        (
            BASE + "effects:\n- {use: fake-noise, levle: 1}",
            "t.yaml:5:21: effects[0].levle: there is no such field; did you mean 'level'?",
        ),
        (
            BASE + "effects:\n- use: fake-noise\n  level: 30",
            "t.yaml:6:10: effects[0].level: 30 is above the maximum 1; give 0 to 1",
        ),
        (
            BASE + "effects: [" + "{use: breaks}, " * 65 + "]",
            "t.yaml:4:10: effects: too many items: the limit is 64",
        ),
        (BASE + "model: {use: tiny}", "t.yaml:1:1: a model needs a sampler"),
        (BASE + "sampler: {use: mean}", "t.yaml:1:1: a sampler needs a model"),
        (BASE + "output: {format: aac}", "t.yaml:4:18: output.format: 'aac' is not one of 'wav'"),
        (BASE + "output: {format: flac, bit_depth: 32}", "t.yaml:4:9: output: FLAC holds 16 or"),
        (BASE + "master: {loudnes_lufs: -9}", "t.yaml:4:10: master.loudnes_lufs: there is no"),
    ],
)
def test_a_mistake_is_one_line_with_place_and_remedy(
    text: str, message: str, registry: Registry
) -> None:
    assert refusal(text, registry).startswith(message)


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        (
            "source: {use: band}\nmixer:\n  drums: {}\n  pads: {level_db: -3}\n",
            (),
            "t.yaml:6:3: mixer.pads: the song has no part 'pads'; its parts are drums, keys, ",
        ),
        (
            "source: {use: band, lead: none}\nmixer: {kees: {}, lead: {}}\n",
            (),
            "t.yaml:4:9: mixer.kees: the song has no part 'kees'; did you mean 'keys'? its parts "
            "are drums, keys, bass",
        ),
        (
            "source: {use: band}\n",
            ("mixer.pads.mute=true",),
            "--set mixer.pads.mute=true: mixer.pads: the song has no part 'pads'; its parts are ",
        ),
    ],
)
def test_a_mixer_with_a_part_that_the_source_does_not_write_is_refused(
    text: str, overrides: tuple[str, ...], message: str, registry: Registry
) -> None:
    document = load_yaml(f"version: 1\nname: t\n{text}".encode(), "t.yaml")
    with pytest.raises(PresetError) as error:
        parse_preset(document, root=None, registry=registry, overrides=overrides)
    assert str(error.value).startswith(message)


def test_the_parts_of_a_file_are_asked_for_where_it_is(tmp_path: Path, registry: Registry) -> None:
    text = "source: {use: midi-file, path: song.mid}\nmixer: {pad: {}, strings: {}}\n"
    document = load_yaml(f"version: 1\nname: t\n{text}".encode(), "t.yaml")
    assert parse_preset(document, root=tmp_path, registry=registry).mixer  # it may come yet
    note = Note(part="pad", midi=60, onset_s=0.0, duration_s=1.0)
    score = Score(tempo_bpm=80, bars=1, duration_s=3.0, notes=(note,))
    (tmp_path / "song.mid").write_bytes(to_midi(score))
    with pytest.raises(PresetError, match=r"t.yaml:4:18: mixer.strings: .*; its parts are pad$"):
        parse_preset(document, root=tmp_path, registry=registry)


def test_an_override_replaces_any_field(load: Load) -> None:
    preset = load(
        "seed=18446744073709551615",
        "effects.0.level=0.25",
        "source.bars=2",
        "sampler.use=top-p",
        "sampler.p=0.5",
        "master.loudness_lufs=-20",
        "output.format=flac",
    )
    assert preset.seed == 2**64 - 1
    data = preset.model_dump(serialize_as_any=True)
    assert data["effects"][0]["level"] == 0.25
    assert data["source"]["bars"] == 2
    assert data["sampler"] == {"use": "top-p", "p": 0.5, "temperature": 1.0}
    assert preset.master.loudness_lufs == -20
    assert preset.output.format == "flac"


def test_an_effect_is_overridden_by_name_where_it_stands_once(load: Load) -> None:
    preset = load("effects.1.use=breaks", "effects.breaks.how=raise")
    assert preset.effects[1].model_dump()["how"] == "raise"


def test_an_override_may_be_a_list_or_a_mapping(load: Load) -> None:
    preset = load("effects=[{use: fake-noise, level: 0.5}]", "source={use: bursts, bars: 3}")
    assert [effect.model_dump()["level"] for effect in preset.effects] == [0.5]
    assert preset.source.model_dump()["bars"] == 3


def test_an_override_reaches_a_strip_of_the_mixer_and_its_effects(load: Load) -> None:
    preset = load(
        "mixer.bass.level_db=-6",
        "mixer.keys.effects=[{use: fake-noise}]",
        "mixer.keys.effects.0.level=0.25",
        "mixer.keys.effects.fake-noise.mix=0.5",
        "mixer.keys.pan_pct={at: {0: -20}}",
        "mixer.keys.pan_pct.at.0=-30",
    )
    assert preset.mixer["bass"].level_db == -6
    keys = preset.model_dump(serialize_as_any=True)["mixer"]["keys"]
    assert (keys["effects"][0]["level"], keys["effects"][0]["mix"]) == (0.25, 0.5)
    assert "-30" in str(keys["pan_pct"])


def test_an_override_in_quotes_is_text(load: Load) -> None:
    assert load("name='2024'").name == "2024"
    assert load('description="null"').description == "null"
    assert load("name='n Roll").name == "'n Roll"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("mixer.bass.lvl_db=1", "--set mixer.bass.lvl_db=1: mixer.bass.lvl_db: there is no such f"),
        (
            "mixer.bass.pan_pct=200",
            "--set mixer.bass.pan_pct=200: mixer.bass.pan_pct: 200 is above "
            "the maximum 100; give -100 to 100",
        ),
        (
            "mixer.bass.effects.0.mix=1",
            "--set mixer.bass.effects.0.mix=1: mixer.bass.effects has no effect '0'; it has none",
        ),
        (
            "master.x.y=1",
            "--set master.x.y=1: master.x: there is no such field; its fields are fad",
        ),
        ("sampler.use.p=1", "--set sampler.use.p=1: this is not the name of a field; write"),
        ("seed", "--set seed: not of the form KEY=VALUE; write `"),
        ("sead=1", "--set sead=1: a preset has no field 'sead'; did you mean 'seed'?"),
        ("seed=x", "--set seed=x: seed: 'x' is not a whole number"),
        ("seed=.inf", "--set seed=.inf: .inf is not a finite number"),
        ("seed.x=1", "--set seed.x=1: this is not the name of a field; write"),
        ("effects.fake-noise.level=1", "--set effects.fake-noise.level=1: the preset has 2 effe"),
        ("effects.breakz.how=nan", "--set effects.breakz.how=nan: the preset has no effect 'bre"),
        ("effects.9.level=1", "--set effects.9.level=1: the preset has no effect '9'; it has fa"),
        ("effects.0.level=9", "--set effects.0.level=9: effects[0].level: 9 is above the maximu"),
        ("effects.0.levle=1", "--set effects.0.levle=1: effects[0].levle: there is no such fiel"),
        ("effects=[{use: fake", "--set effects=[{use: fake:1:12: not YAML: expected"),
        ("source={*a", "--set source={*a:1:2: "),
        ("sampler.use=top-q", "--set sampler.use=top-q: sampler: there is no sampler 'top-q'; d"),
    ],
)
def test_a_wrong_override_is_one_line(load: Load, override: str, message: str) -> None:
    with pytest.raises(PresetError) as error:
        load(override)
    assert str(error.value).startswith(message)


def test_a_preset_survives_a_trip_through_json(load: Load, registry: Registry) -> None:
    preset = load()
    data = preset.model_dump(mode="json", serialize_as_any=True)
    again = parse_preset(Document(data, "again"), root=preset.root, registry=registry)
    assert again.model_dump(mode="json", serialize_as_any=True) == data


def test_paths_belong_to_the_presets_folder_unless_the_user_named_the_source(
    load: Load, preset_file: Path
) -> None:
    preset = load()
    assert preset.root == preset.source_root == preset_file.parent
    named = preset.with_source(preset.source)
    assert (named.root, named.source_root) == (preset_file.parent, None)


def test_a_name_is_looked_up_here_then_in_the_users_folder_then_among_the_bundled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = tmp_path / "user"
    monkeypatch.setattr("lofigen_kit.runtime.resources.user_presets_dir", lambda: user)
    monkeypatch.chdir(tmp_path)
    bundled = find_preset("lofi-tape")
    assert find_preset("lofi-tape.yaml") == bundled
    user.mkdir()
    (user / "lofi-tape.yaml").write_text("")
    assert find_preset("lofi-tape").parent == user
    assert list_presets()["lofi-tape"].parent == user
    (tmp_path / "lofi-tape.yaml").write_text("")
    assert find_preset("lofi-tape").absolute().parent == tmp_path


def test_a_preset_that_is_nowhere_names_the_nearest() -> None:
    with pytest.raises(PresetError, match=r"lofi-tpe: there is no such preset; .* 'lofi-tape'"):
        find_preset("lofi-tpe")


def test_every_bundled_preset_is_valid(registry: Registry) -> None:
    for name, path in list_presets().items():
        preset = load_preset(path, registry=registry)
        assert preset.name == name
        assert preset.description


def test_the_schema_offers_every_component(registry: Registry) -> None:
    schema = json.loads(json.dumps(make_json_schema(registry)))
    effects = schema["properties"]["effects"]["items"]["discriminator"]["mapping"]
    assert "fake-noise" in effects
    assert schema["properties"]["seed"]["maximum"] == 2**64 - 1


def test_a_registry_without_components_refuses_them_by_name() -> None:
    message = refusal(BASE + "effects: [{use: lowpass}]", Registry())
    assert message.startswith("t.yaml:3:15: source: there is no source 'bursts' (and 1 more)")
