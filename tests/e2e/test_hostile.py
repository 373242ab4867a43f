"""Hostile chain files and plugin folders: one line with the place, exit code 2, nothing done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]

BASE = "version: 1\nname: t\nsource: {use: bursts}\n"
LAUGHS = "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "bad.yaml: the file is empty", id="1 empty"),
        pytest.param("- a\n- b", "bad.yaml:1:1: a preset is a mapping", id="2 list"),
        pytest.param(BASE + "master:\n\tx: 1", "bad.yaml:5:1: not YAML", id="3 tab"),
        pytest.param(BASE + "name: u", "bad.yaml:4:1: 'name' is given twice", id="4 duplicate"),
        pytest.param("a: &a 1\nb: *a", "bad.yaml:1:4: anchors", id="5 anchor"),
        pytest.param("a: *a", "bad.yaml:1:4: aliases", id="5 alias"),
        pytest.param("<<: {}", "bad.yaml:1:1: merge keys", id="5 merge"),
        pytest.param(LAUGHS, "bad.yaml:1:5: anchors", id="6 billion laughs"),
        pytest.param("[" * 5000, "bad.yaml:1:17: nested over 16", id="7 deep"),
        pytest.param("[" * 200_000, "bad.yaml:1:17: nested over 16", id="8 deeper"),
        pytest.param("a: !!python/object:os.x 1", "bad.yaml:1:4: tags", id="9 python"),
        pytest.param(BASE + "---\na: 1", "bad.yaml:4:1: a second document", id="10 two"),
        pytest.param("a: \0", "bad.yaml:1:4: not YAML: a control character", id="11 NUL"),
        pytest.param(b"a: \xff\xfe", "bad.yaml: byte 3 is not UTF-8", id="11 encoding"),
        pytest.param(
            BASE + "effects: [{use: tape-satration}]",
            "bad.yaml:4:17: effects[0]: there is no effect 'tape-satration'; did you mean "
            "'tape-saturation'?",
            id="12 unknown effect",
        ),
        pytest.param(
            BASE + "effects: [{use: wow-flutter, wow_depht_pct: 1}]",
            "bad.yaml:4:30: effects[0].wow_depht_pct: there is no such field; did you mean "
            "'wow_depth_pct'?",
            id="13 misspelt field",
        ),
        pytest.param(
            BASE + "effects: [{use: wow-flutter, wow_depth_pct: 30}]",
            "bad.yaml:4:45: effects[0].wow_depth_pct: 30 is above the maximum 3; give 0 to 3",
            id="14 out of range",
        ),
        pytest.param(BASE + "dry_mix: .nan", "bad.yaml:4:10: .nan is not a finite", id="15 nan"),
        pytest.param(BASE + "dry_mix: -.inf", "bad.yaml:4:10: -.inf is not a fin", id="15 inf"),
        pytest.param(
            BASE + "seed: " + "9" * 5000, "bad.yaml:4:7: a number of 5000 digits", id="16 long seed"
        ),
        pytest.param(
            BASE + "effects: [{use: no}]",
            "bad.yaml:4:17: effects[0]: there is no effect 'no'",
            id="17 no is text",
        ),
        pytest.param(
            BASE.replace("1", "7"),
            "bad.yaml:1:10: version: version 7 is not known",
            id="18 version",
        ),
        pytest.param(
            BASE + "effects: [" + "{use: lowpass}, " * 10_000 + "]",
            "bad.yaml:4:79963: over 10000 values",
            id="19 10,000 effects",
        ),
        pytest.param(
            BASE + "effects: [" + "{use: lowpass}, " * 65 + "]",
            "bad.yaml:4:10: effects: too many items: the limit is 64",
            id="19 65 effects",
        ),
        pytest.param("#" * 300_000, "bad.yaml: the file is over 256 kB", id="large"),
        pytest.param(BASE + "effects: [{use: \u0430]", "bad.yaml:4:18: not YAML", id="not closed"),
        pytest.param(
            BASE + "effects: [{use: l\u043ewpass}]",
            "bad.yaml:4:17: effects[0]: there is no effect 'l\u043ewpass'",
            id="look-alike of a name",
        ),
        pytest.param(
            BASE + "s\u0435ed: 1",
            "bad.yaml:4:1: s\u0435ed: there is no such field; did you mean 'seed'?",
            id="look-alike of a field",
        ),
        pytest.param(BASE + "seed: \uff15", "bad.yaml:4:7: seed: '\uff15' is not", id="wide digit"),
        pytest.param(
            BASE + "seed: \u0665", "bad.yaml:4:7: seed: '\u0665' is not", id="other digit"
        ),
        pytest.param(
            BASE + "seed: 1e3", "bad.yaml:4:7: seed: 1000.0 is not a whole", id="seed as a power"
        ),
        pytest.param(BASE + "seed: -1", "bad.yaml:4:7: seed: -1 is below", id="seed below 0"),
        pytest.param(
            BASE + "seed: true", "bad.yaml:4:7: seed: true is not", id="truth for a number"
        ),
        pytest.param(BASE + "seed: '5'", "bad.yaml:4:7: seed: '5' is not", id="text for a number"),
        pytest.param(BASE + "seed: 0x10", "bad.yaml:4:7: seed: '0x10' is not", id="hexadecimal"),
        pytest.param(BASE + "seed: 1:30", "bad.yaml:4:7: seed: '1:30' is not", id="base sixty"),
        pytest.param(BASE + "seed: [1]", "bad.yaml:4:7: seed: [1] is not", id="list for a number"),
        pytest.param(BASE + "seed:", "bad.yaml:4:6: seed: null is not", id="nothing for a number"),
        pytest.param(BASE.replace("1", "true"), "bad.yaml:1:10: version", id="version true"),
        pytest.param(BASE.replace("1", "1.5"), "bad.yaml:1:10: version", id="version 1.5"),
        pytest.param(BASE.replace("1", "-1"), "bad.yaml:1:10: version", id="version -1"),
        pytest.param(
            "name: t\nsource: {use: bursts}", "bad.yaml:1:1: version: is missing", id="no version"
        ),
        pytest.param(
            "version: 1\nsource: {use: bursts}", "bad.yaml:1:1: name: is missing", id="no name"
        ),
        pytest.param("version: 1\nname: t", "bad.yaml:1:1: source: is missing", id="no source"),
        pytest.param(BASE + "model: {use: tiny}", "bad.yaml:1:1: a model needs", id="no sampler"),
        pytest.param(BASE + "effects: {use: lowpass}", "bad.yaml:4:10: effects", id="no list"),
        pytest.param(BASE + "effects: [lowpass]", "bad.yaml:4:11: effects[0]", id="a bare name"),
        pytest.param(BASE + "effects: [{mix: 1}]", "bad.yaml:4:11: effects[0]", id="no use"),
        pytest.param(BASE + "effects: [[[]]]", "bad.yaml:4:11: effects[0]", id="lists of lists"),
        pytest.param(
            "version: 1\nname: t\nsource: {use: beatmaker, key: H minor}",
            "bad.yaml:3:31: source.key",
            id="a key that is none",
        ),
        pytest.param(BASE + "dry_mix: 1e999", "bad.yaml:4:10: 1e999 is too large", id="1e999"),
        pytest.param(BASE + "dry_mix: .NaN", "bad.yaml:4:10: .NaN is not a finite", id=".NaN"),
        pytest.param(BASE + "? [a]\n: b", "bad.yaml:4:3: a key must be plain", id="list as a key"),
        pytest.param(
            BASE + "? {a: b}\n: c", "bad.yaml:4:3: a key must be plain", id="map as a key"
        ),
        pytest.param(
            BASE + "1: 2", "bad.yaml:4:1: 1: there is no such field", id="number as a key"
        ),
        pytest.param("!!set {a, b}", "bad.yaml:1:1: tags", id="a set"),
        pytest.param("!!binary aGk=", "bad.yaml:1:1: tags", id="binary"),
        pytest.param("a: !!timestamp 2001-01-01", "bad.yaml:1:4: tags", id="a time"),
        pytest.param("a: !include /etc/passwd", "bad.yaml:1:4: tags", id="include"),
        pytest.param(
            "a: !!python/object/apply:os.system ['touch hacked']", "bad.yaml:1:4: tags", id="apply"
        ),
        pytest.param(
            "%TAG ! tag:yaml.org,2002:python/\n--- !object:os.x {}", "bad.yaml:2:5: tags", id="%TAG"
        ),
        pytest.param(
            "%YAML 9.9\n---\na: 1", "bad.yaml:1:1: not YAML: found incompat", id="%YAML 9.9"
        ),
        pytest.param("%YAML " + "9" * 5000 + ".1\n---\na: 1", "bad.yaml:", id="%YAML without end"),
        pytest.param('a: "\\Uffffffff"', "bad.yaml:1:", id="beyond Unicode"),
        pytest.param('name: "\\ud800"', "bad.yaml:1:7: '\\ud800' is no", id="half a pair"),
        pytest.param(
            BASE + "na\u202eme: u",
            "bad.yaml:4:1: na\\u202eme: there is no such",
            id="text that turns around",
        ),
        pytest.param(
            BASE + "\u001b[2J: u", "bad.yaml:4:1: not YAML: a control", id="a terminal's command"
        ),
        pytest.param("{a: " * 5000, "bad.yaml:1:65: nested over 16", id="deep mappings"),
        pytest.param("- " * 100_000, "bad.yaml:1:33: nested over 16", id="deep dashes"),
        pytest.param("[" * 10_000_000, "bad.yaml: the file is over 256 kB", id="10 MB deep"),
        pytest.param("[1," * 80_000, "bad.yaml:1:49: nested over 16", id="deep and wide"),
        pytest.param("a: [" + "1," * 20_000 + "]", "bad.yaml:1:", id="wide"),
        pytest.param(
            BASE + "name_" * 40_000 + ": 1", "bad.yaml:4:200001: not YAML", id="a name of 200 kB"
        ),
        pytest.param("a" * 200_000, "bad.yaml:1:1: a preset is a mapping", id="one word of 200 kB"),
        pytest.param(b"\xff\xfe" + "a: 1".encode("utf-16-le"), "bad.yaml: byte 0", id="UTF-16"),
        pytest.param(b"\x00" * 1000, "bad.yaml:1:1: not YAML", id="zeros"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)), "bad.yaml", id="a zip"),
        pytest.param("{{ 7 * 7 }}", "bad.yaml:1:2: a key must be plain", id="a template"),
        pytest.param("${HOME}", "bad.yaml:1:1: a preset is a mapping", id="a variable"),
        pytest.param(
            BASE + "effects: [{use: convolution, path: /etc/passwd}]",
            "bad.yaml:4:36: effects[0].path: '/etc/passwd' lies outside",
            id="absolute path",
        ),
        pytest.param(
            BASE + "effects: [{use: convolution, path: ../../etc/passwd}]",
            "bad.yaml:4:36: effects[0].path: '../../etc/passwd' lies outside",
            id="path upwards",
        ),
        pytest.param(
            BASE + 'effects: [{use: convolution, path: "a\\0b"}]',
            "bad.yaml:4:36: effects[0].path: 'a\\x00b' lies",
            id="NUL in a path",
        ),
        pytest.param(
            BASE + "effects: [{use: convolution, path: " + "x" * 5000 + "}]",
            "bad.yaml:4:36: effects[0].path: 'xxx",
            id="long path",
        ),
    ],
)
def test_a_hostile_preset(
    refused: Refused, tmp_path: Path, text: str | bytes, message: str
) -> None:
    (tmp_path / "bad.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    line = refused("chain", "preset", tmp_path / "bad.yaml")
    assert line.removeprefix(f"{tmp_path}/").startswith(message)
    assert line.isprintable()
    assert len(line) < 1500


PLUGINS = {
    "raises": ("raise ValueError('no\\nluck \\x1b[2J')", "ValueError: no luck"),
    "ends the program": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "interrupts": ("raise GeneratorExit", "GeneratorExit"),
    "is no Python": ("def :", "SyntaxError: invalid syntax"),
    "has zeros": ("a = 1\0", "SyntaxError: source code string cannot contain null bytes"),
    "has no end": (
        "from lofigen_kit.api import hookimpl\nrepeat = lambda: repeat()\nrepeat()",
        "RecursionError",
    ),
    "needs what is not there": ("import nowhere_to_be_found", "No module named 'nowhere_to_be_f"),
    "raises in a hook": ("@hookimpl\ndef lofigen_effects(): return 1 / 0", "ZeroDivisionError"),
    "returns nothing": (
        "@hookimpl\ndef lofigen_effects(): return None",
        "returns None, which is not a list",
    ),
    "returns no classes": (
        "@hookimpl\ndef lofigen_effects(): return [1]",
        "returns 1, which is not a Effect",
    ),
    "returns without end": (
        "import itertools\n@hookimpl\ndef lofigen_effects(): return itertools.count()",
        "returns count(0), which is not a list",
    ),
    "misspells a hook": ("@hookimpl\ndef lofigen_efects(): return []", "lofigen_efects"),
    "needs a newer toolkit": ("LOFIGEN_API = 99", "version 99 of the plugin API"),
    "has a version that is none": ("LOFIGEN_API = 'one'", "version one of the plugin API"),
    "takes a name": (
        "from lofigen_kit.api import Effect\nfrom typing import Literal\n"
        "class Mine(Effect):\n"
        "    use: Literal['lowpass'] = 'lowpass'\n"
        "    def apply(self, audio, ctx): return audio\n"
        "@hookimpl\ndef lofigen_effects(): return [Mine]",
        "'lowpass'",
    ),
    "has a field that no file can hold": (
        "from lofigen_kit.api import Effect\nfrom typing import Any, Callable, Literal\n"
        "class Mine(Effect):\n"
        "    use: Literal['mine'] = 'mine'\n"
        "    call: Callable[[], Any] = print\n"
        "    def apply(self, audio, ctx): return audio\n"
        "@hookimpl\ndef lofigen_effects(): return [Mine]",
        "",
    ),
}


@pytest.fixture(params=PLUGINS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A folder with one hostile plugin, and what is said of it."""
    code, message = PLUGINS[request.param]
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "bad.py").write_text(f"from lofigen_kit.api import hookimpl\n{code}\n")
    return folder, message


def test_a_hostile_plugin_folder_is_one_line(refused: Refused, folder: tuple[Path, str]) -> None:
    path, message = folder
    line = refused("--plugin-dir", path, "--strict-plugins", "plugins", "list")
    assert line.startswith(f"{path / 'bad.py'}: plugin 'bad' does not load: ")
    assert message in line
    assert line.isprintable()


def test_a_hostile_plugin_is_named_once_and_the_rest_goes_on(
    run: Run, folder: tuple[Path, str]
) -> None:
    path, message = folder
    code, out, err = run("--plugin-dir", path, "plugins", "list", "--json")
    assert code == 0
    assert '"tape-saturation"' in out
    assert err.count("\n") == 1
    assert "'bad'" in err
    assert message in err


def test_a_component_of_a_plugin_that_fails_is_refused_with_its_place(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mine.py").write_text("import nowhere_to_be_found")
    (tmp_path / "p.yaml").write_text(
        "version: 1\nname: t\nsource: {use: beatmaker}\neffects: [{use: mine}]\n"
    )
    code, out, err = run("--plugin-dir", folder, "chain", "preset", tmp_path / "p.yaml")
    assert (code, out) == (2, "")
    failure, line = err.splitlines()
    assert "No module named 'nowhere_to_be_found'" in failure
    assert "p.yaml:4:17: effects[0]: there is no effect 'mine'" in line


@pytest.mark.parametrize("path", ["nowhere", "x" * 5000, "file.py", "\udcff"])
def test_a_plugin_folder_that_is_none(refused: Refused, path: str) -> None:
    assert "there is no such plugin folder" in refused("--plugin-dir", path, "plugins", "list")
