"""`plugins check`: one line for each check, whatever a plugin does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

BAD = """
from typing import Literal
from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

class Bad(Effect):
    '''Goes wrong.

    Attributes:
        required: What it cannot do without.
    '''
    use: Literal["bad"] = "bad"
    required: int = Field(ge=0, le=1)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        print("to whom it may concern")
        raise SystemExit("away")

@hookimpl
def lofigen_effects():
    return [Bad]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bad.py").write_text(BAD)
    (folder / "broken.py").write_text("1 / 0")
    return folder


def test_a_builtin_passes_each_check(run: Run) -> None:
    code, out, err = run("plugins", "check", "gain")
    assert (code, err) == (0, "")
    assert "gain: is the same in blocks: yes" in out.splitlines()
    assert all(line.endswith(": yes") for line in out.splitlines())
    assert run("plugins", "check", "gain", "-q") == (0, "", "")


def test_a_failure_is_a_line_and_an_exit_code(run: Run, folder: Path) -> None:
    arguments = ("--plugin-dir", folder, "plugins", "check", "bad", "--set", "required=1")
    code, out, err = run(*arguments)
    assert code == 1
    assert "bad: bounds and describes its parameters: yes" in out.splitlines()
    failure = "bad: keeps shape and rate, and is deterministic: SystemExit: away"
    assert failure in out.splitlines()
    assert "to whom it may concern" in err
    assert "Traceback" not in out + err
    rows = json.loads(run(*arguments, "--json")[1])
    assert {row["component"] for row in rows} == {"bad"}
    assert {row["check"] for row in rows if row["failure"]} == {
        "keeps shape and rate, and is deterministic",
        "is the same in blocks",
        "mixes dry and wet",
        "has the latency that it declares",
        "has the tail that it declares",
    }


def test_what_a_component_cannot_do_without_is_said(run: Run, folder: Path) -> None:
    code, out, _ = run("--plugin-dir", folder, "plugins", "check", "bad")
    assert code == 1
    assert out.startswith("bad: accepts its parameters: --set: required: Field required")


def test_a_plugin_that_does_not_load_fails(run: Run, folder: Path) -> None:
    code, out, _ = run("--plugin-dir", folder, "plugins", "check", "broken")
    assert (code, out) == (1, "broken: loads: ZeroDivisionError: division by zero\n")
    code, _, err = run("plugins", "check", "nowhere")
    assert code == 2
    assert err.startswith("lofigen-kit: there is no plugin 'nowhere'")


def test_the_command_line_works_on_and_says_each_failure_once(run: Run, folder: Path) -> None:
    (folder / "chatty.py").write_text("print('hello')\nraise SystemExit(0)\n")
    (folder / "newer.py").write_text("LOFIGEN_API = 99\n")
    code, out, err = run("--plugin-dir", folder, "plugins", "list", "--json")
    assert code == 0
    status = {row["name"]: row["status"] for row in json.loads(out)}
    assert [status[name] for name in ("chatty", "newer", "broken", "bad", "lowpass")] == [
        "failed", "failed", "failed", "loaded", "loaded",
    ]  # fmt: skip
    for name in ("chatty", "newer", "broken"):
        assert err.count(f"plugin {name!r} does not load") == 1
    code, out, _ = run("--plugin-dir", folder, "plugins", "doctor")
    assert code == 1
    assert out.count("\nremedy: ") == 3
    assert "remedy: update lofigen-kit: pip install -U lofigen-kit" in out


def test_a_plugin_cannot_take_the_place_of_a_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    from lofigen_kit.cli import plugins

    def groups() -> dict[str, typer.Typer]:
        mine = {name: typer.Typer(help="Mine.") for name in ("chain", "process", "own")}
        for group in mine.values():
            group.command("go")(lambda: None)
        return mine

    monkeypatch.setattr(plugins, "find_installed_commands", groups)
    _, out, err = run("chain", "--help")
    assert "Mine" not in out
    assert err.splitlines() == [
        f"lofigen-kit: a plugin's command group {name!r} is left out: the toolkit has a command "
        "with this name"
        for name in ("chain", "process")
    ]
    assert "Mine." in run("own", "--help")[1]
