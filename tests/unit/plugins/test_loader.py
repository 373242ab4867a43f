from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import lofigen_kit_plugins
from lofigen_kit.api import API_VERSION
from lofigen_kit.errors import PluginError
from lofigen_kit.plugins import loader
from lofigen_kit.plugins.loader import GROUP, OWN_DISTRIBUTION, load_plugins
from lofigen_kit.plugins.registry import Plugin

GOOD = """
from typing import Literal
from lofigen_kit.api import AudioBuffer, Context, Effect, hookimpl

class Plain(Effect):
    '''Does nothing.'''
    use: Literal["{name}"] = "{name}"
    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio

@hookimpl
def lofigen_effects():
    return [Plain]
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return tmp_path

    yield write
    for name in [n for n in sys.modules if n.startswith("lofigen_kit_plugin_file_")]:
        del sys.modules[name]


def record(directory: Path, name: str) -> Plugin:
    return next(p for p in load_plugins(directory).plugins if p.name == name)


def test_modules_on_disk_and_declared_entry_points_are_the_same() -> None:
    folder = Path(lofigen_kit_plugins.__path__[0])
    helpers = {"notes", "drum_kits", "drum_synthesis", "sample_files", "sfz_file", "soundfont_file"}
    on_disk = {p.stem for p in folder.iterdir() if not p.name.startswith(("_", "."))}
    on_disk -= {"instruments"}
    on_disk |= {
        f"instruments.{p.stem}"
        for p in (folder / "instruments").glob("*.py")
        if not p.name.startswith("_") and p.stem not in helpers
    }
    own = [p for p in entry_points(group=GROUP) if p.dist and p.dist.name == OWN_DISTRIBUTION]
    assert {p.value.removeprefix("lofigen_kit_plugins.") for p in own} == on_disk
    assert all(p.name == p.value.rpartition(".")[2].replace("_", "-") for p in own)


def test_a_folder_gives_one_plugin_a_file(write: Write) -> None:
    folder = write(my_effect=GOOD.format(name="mine"), _helper="raise SystemExit")
    registry = load_plugins(folder)
    assert registry.find("effect", "mine").name() == "mine"
    owner = registry.owner("effect", "mine")
    assert (owner.name, owner.origin, owner.status) == ("my-effect", "directory", "loaded")
    assert owner.provides == {"effect": ("mine",)}
    assert not any(p.name == "-helper" for p in registry.plugins)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError: "),
        ("x = 1", "it provides nothing; mark its hook functions with @hookimpl"),
        (GOOD.format(name="a").replace("def lofigen_effects", "def lofigen_efects"),
         "PluginValidationError: unknown hook 'lofigen_efects'"),
        (GOOD.format(name="a").replace("[Plain]", "1 / 0"), "ZeroDivisionError"),
        (GOOD.format(name="a").replace("[Plain]", "[int]"),
         "lofigen_effects returns <class 'int'>"),
        (GOOD.format(name="a").replace("[Plain]", "None"),
         "lofigen_effects returns None, which is not a list; return a list"),
        (GOOD.format(name="a").replace("effects():\n    return [Plain]",
                                       "commands():\n    return {{'x': 1}}".format()),
         "lofigen_commands returns 'x': 1; return a typer.Typer for each kebab-case name"),
        (GOOD.format(name="Not Kebab"), "Plain has the name 'Not Kebab'"),
        (GOOD.format(name="a").replace("def apply", "def aply"), "Plain does not implement apply"),
        (GOOD.format(name="lowpass"), "effect 'lowpass' of plugin 'bad' is already provided by"),
    ],
)  # fmt: skip
def test_a_broken_plugin_breaks_nothing_else(write: Write, text: str, error: str) -> None:
    folder = write(bad=text, good=GOOD.format(name="good-one"))
    registry = load_plugins(folder)
    bad = next(p for p in registry.plugins if p.name == "bad")
    assert bad.status == "failed"
    assert bad.error.startswith(error)
    assert "\n" not in bad.error
    assert "Traceback" in bad.traceback
    assert registry.find("effect", "good-one")
    with pytest.raises(PluginError, match="plugin 'bad' does not load: "):
        load_plugins(folder, strict=True)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1 / 0", "report it to its author, or disable it with LOFIGEN_DISABLE_PLUGINS=bad"),
        ("import no_such_thing", "install the package that provides 'no_such_thing'"),
        ("from lofigen_kit.api import Theremin", "it is made for another version of lofigen-kit"),
        ("raise SystemExit(3)", "ask its author to remove the exit at import, or disable"),
        ("x = 1\ndef (", "correct line 2, or disable it"),
        ("x = 1", "mark its hook functions with @hookimpl"),
        (GOOD.format(name="a").replace("def lofigen_effects", "def lofigen_efects"),
         "the hooks are lofigen_commands, lofigen_effects, lofigen_instruments, lofigen_models"),
        (GOOD.format(name="lowpass"), "disable one: LOFIGEN_DISABLE_PLUGINS=bad"),
        ("LOFIGEN_API = 3\n" + GOOD.format(name="a"), "update lofigen-kit: pip install -U"),
        ("LOFIGEN_API = 'new'\n" + GOOD.format(name="a"), "update lofigen-kit: pip install -U"),
    ],
)  # fmt: skip
def test_a_broken_plugin_comes_with_a_remedy(write: Write, text: str, remedy: str) -> None:
    assert record(write(bad=text), "bad").remedy.startswith(remedy)


def test_a_plugin_that_needs_no_newer_api_is_loaded(write: Write) -> None:
    folder = write(mine=f"LOFIGEN_API = {API_VERSION}\n" + GOOD.format(name="mine"))
    assert record(folder, "mine").status == "loaded"
    folder = write(newer=f"LOFIGEN_API = {API_VERSION + 1}\n" + GOOD.format(name="newer"))
    assert record(folder, "newer").error == (
        f"it needs version {API_VERSION + 1} of the plugin API, and this is {API_VERSION}; "
        "update lofigen-kit: pip install -U lofigen-kit"
    )


def test_what_a_plugin_prints_is_kept_from_machines(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    load_plugins(write(chatty="print('hello')\n" + GOOD.format(name="chatty")))
    assert capsys.readouterr() == ("", "hello\n")


def test_a_plugin_that_hangs_is_named_meanwhile(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "SLOW_S", 0.01)
    waits = (
        "import sys, time\n"
        "for _ in range(3000):\n"
        "    if 'is slow to import' in sys.stderr.getvalue():\n"
        "        break\n"
        "    time.sleep(0.01)\n"
    )
    folder = write(sleepy=waits + GOOD.format(name="sleepy"))
    assert record(folder, "sleepy").status == "loaded"
    assert capsys.readouterr().err == (
        f"lofigen-kit: plugin 'sleepy' ({folder / 'sleepy.py'}) is slow to import; Ctrl-C stops "
        "it, and LOFIGEN_DISABLE_PLUGINS=sleepy disables it\n"
    )


def test_a_file_cannot_take_the_name_of_a_plugin_that_is_there(write: Write) -> None:
    taken = load_plugins(write(lowpass=GOOD.format(name="mine"))).plugins[-1]
    assert (taken.origin, taken.status) == ("directory", "failed")
    assert taken.error == "a plugin named 'lowpass' is already loaded"


def test_a_disabled_plugin_is_not_imported(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFIGEN_DISABLE_PLUGINS", "bad, lowpass")
    folder = write(bad="raise SystemExit")
    assert record(folder, "bad").status == "disabled"
    assert record(folder, "lowpass").status == "disabled"
    assert "lowpass" not in load_plugins().classes("effect")


def test_a_folder_is_named_and_never_the_current_one(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(mine=GOOD.format(name="mine"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LOFIGEN_PLUGIN_DIR", raising=False)
    assert "mine" not in load_plugins().classes("effect")
    monkeypatch.setenv("LOFIGEN_PLUGIN_DIR", str(folder))
    assert "mine" in load_plugins().classes("effect")
    with pytest.raises(PluginError, match="there is no such plugin folder"):
        load_plugins(folder / "nowhere")


def test_every_load_is_a_registry_of_its_own() -> None:
    assert load_plugins() is not load_plugins()


def test_the_built_in_plugins_load() -> None:
    registry = load_plugins()
    failed = {p.name: p.error for p in registry.plugins if p.status == "failed"}
    assert not failed
    assert all(p.origin == "builtin" and p.version for p in registry.plugins)


def test_without_the_built_in_plugins_none_of_them_is_loaded() -> None:
    assert not [p for p in load_plugins(builtin=False).plugins if p.origin == "builtin"]
