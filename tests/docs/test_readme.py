"""Every command, preset and plugin of the README works as it stands, if for fewer bars."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, write_audio
from lofigen_kit.audition.decisions import Decision, Decisions
from lofigen_kit.cli import main
from lofigen_kit.components.base import Context
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.beatmaker import Beatmaker

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
Run = Callable[[str], str]
TRAINING = ("corpus", "train", "evaluate")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that the README's commands name."""
    folder = tmp_path_factory.mktemp("readme")
    take = Beatmaker(bars=2).make_take(Context(rng_for(4, 0, "source")))
    write_audio(
        folder / "take.wav",
        AudioBuffer(take.audio.samples, take.audio.sample_rate_hz),
        format="wav",
        bit_depth=16,
        comment="",
        rng=rng_for(4, 0, "dither"),
    )
    (folder / "my-tape.yaml").write_text(blocks("yaml")[0])
    (folder / "plugins-of-mine").mkdir()
    (folder / "plugins-of-mine" / "tremolo.py").write_text(blocks("python")[0])
    trembling = blocks("yaml")[0].replace(
        "effects:\n", "effects:\n  - {use: tremolo, depth_db: 6}\n"
    )
    (folder / "trembling.yaml").write_text(trembling)
    for name in ("beats", "processed"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def run(
    engine: None,  # noqa: ARG001 - compiled by now
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Call the command line as a line of the README does, and return what it printed."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LOFIGEN_PLUGIN_DIR", raising=False)

    def call(line: str) -> str:
        program, *words = shlex.split(line)
        assert program == "lofigen-kit"
        with pytest.raises(SystemExit) as stopped:
            main(words)
        out, err = capsys.readouterr()
        assert not stopped.value.code, f"{line}\n{err}"
        return out

    return call


def _shorter(line: str) -> str:
    """Return a command that asks for a bar instead of eight, and for two takes instead of 500."""
    plays = line.startswith(("lofigen-kit chain preset", "lofigen-kit batch lofi-tape"))
    bars = " --set source.bars=1" if plays and "--input" not in line else ""
    return line.replace("-n 500", "-n 2") + bars


def decide(takes: Path) -> None:
    """Keep each take, as somebody would on the sheet."""
    decisions = {path.name: Decision(verdict="keep", stars=3) for path in takes.glob("*.wav")}
    text = Decisions(sheet=takes.name, decisions=decisions).to_json()
    (takes / "decisions.json").write_text(text)


def test_the_program_is_there(folder: Path) -> None:
    program = Path(sys.executable).with_name("lofigen-kit")
    told = subprocess.run(
        [program, "chain", "list"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "lofi-tape" in told.stdout


def test_commands_work_in_the_order_in_which_they_stand(folder: Path, run: Run) -> None:
    for line in COMMANDS:
        if shlex.split(line)[1] in TRAINING:
            continue
        if line.startswith("lofigen-kit curate"):
            decide(folder / "hundreds")
        run(_shorter(line))
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert {"wobbly.flac", "wobbly.json", "wobbly.png", "following.wav"} <= made
    assert len(list((folder / "beats").glob("worn-walkman_*_take[01].wav"))) == 2
    assert len(list((folder / "processed").glob("take*.wav"))) == 1
    assert len(list((folder / "hundreds").glob("lofi-tape_*_take[01].wav"))) == 2
    assert {"hundreds/audition.html", "kept/playlist.m3u8", "kept.zip"} <= made
    assert len(list((folder / "kept").glob("lofi-tape_*_take[01].wav"))) == 2
    following = read_audio(folder / "following.wav")
    assert following.samples.std() > 0.01


def test_training_commands_have_the_options_that_they_are_given(run: Run) -> None:
    for line in COMMANDS:
        words = shlex.split(line)
        if words[1] not in TRAINING:
            continue
        command = words[1:3] if words[1] == "corpus" else words[1:2]
        helped = run(shlex.join(["lofigen-kit", *command, "--help"]))
        for word in words:
            if word.startswith("-"):
                assert word in helped


def test_the_plugin_is_the_example_and_keeps_the_contract(folder: Path) -> None:
    example = (ROOT / "examples" / "tremolo.py").read_text()
    assert blocks("python")[0] == example
    assert len([line for line in example.splitlines() if line.strip()]) <= 20
    registry = load_plugins(folder / "plugins-of-mine")
    check_component(registry.find("effect", "tremolo"))


def test_the_preset_is_valid(run: Run) -> None:
    run("lofigen-kit chain validate my-tape.yaml")


def test_the_setup_is_two_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    assert (
        "pip install -c constraints.txt -e . && lofigen-kit chain preset lofi-tape.yaml" in README
    )
    assert "pip install -c constraints.txt -e '.[dev]' && pytest" in README
    assert "-c constraints.txt -e ." in ci
    assert "-c constraints.txt -e '.[dev]'" in ci


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
