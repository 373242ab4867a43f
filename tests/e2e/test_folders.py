"""Folders of others: nothing is written outside them, and one process at a time works in one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lofigen_kit.runtime.locks import lock_folder

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]


@pytest.fixture
def beats(run: Run, preset_file: Path) -> Path:
    """A batch of two takes; the first is to be kept."""
    folder = Path("beats")
    assert run("batch", preset_file, "-n", 2, "-o", folder, "--workers", 1, "-q")[0] == 0
    takes = sorted(path.name for path in folder.glob("*.wav"))
    verdicts = {takes[0]: {"verdict": "keep"}, takes[1]: {"verdict": "reject"}}
    text = {"format": "lofigen-kit decisions 1", "sheet": "beats", "decisions": verdicts}
    (folder / "decisions.json").write_text(json.dumps(text))
    return folder


# A stranger's folder.


@pytest.mark.parametrize("name", ["{outside}", "../outside", "a/../../outside"])
def test_a_strangers_plan_writes_nothing_outside_its_folder(
    refused: Refused, beats: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    folder = Path("stranger")
    folder.mkdir()
    head = json.loads((beats / "batch.json").read_text())
    head["points"][0]["name"] = name.format(outside=outside)
    (folder / "batch.json").write_text(json.dumps(head))
    line = refused("batch", "retry", folder)
    assert "stranger/batch.json: the setting" in line
    assert "would be written outside the folder" in line
    assert not outside.exists()
    assert not Path("outside").exists()


def test_a_strangers_link_is_not_written_through(
    refused: Refused, beats: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for path in beats.glob("*_take1.*"):
        path.unlink()
    (beats / "more").symlink_to(outside, target_is_directory=True)
    line = refused("batch", "retry", beats)
    assert "beats/more: the link leads out of the batch's folder" in line
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("takes", 10**12, "takes: a number from 1"),
        ("takes", -1, "takes: a number from 1"),
        ("takes", "2", "takes: a number from 1"),
        ("points", [], "points: 1 to"),
        ("points", {}, "points: 1 to"),
        ("options", {"new": True}, "an option that is not known"),
        ("options", None, "options: each is true or false"),
    ],
)
def test_a_plan_that_is_damaged_is_one_line(
    refused: Refused, beats: Path, field: str, value: object, message: str
) -> None:
    path = beats / "batch.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert message in refused("batch", "retry", beats)


def test_a_strangers_records_are_counted_without_a_fault(run: Run, beats: Path) -> None:
    manifest = beats / "manifest.jsonl"
    lines = [
        {"job": "a", "status": "done", "path": "x.wav"},
        {"job": "b", "status": "done", "path": "x.wav", "duration_s": "long", "licences": [1]},
        {"job": "c", "status": "done", "path": "x.wav", "licences": {"source": 3}, "rank": "best"},
        {"job": "d", "status": 7},
    ]
    manifest.write_text(manifest.read_text() + "".join(f"{json.dumps(line)}\n" for line in lines))
    code, out, err = run("batch", "status", beats)
    assert (code, err) == (0, "")
    assert "5 of 2" in out
    code, _, err = run("batch", "retry", beats, "--workers", 1)
    assert "Traceback" not in err
    assert code == 3  # the record that failed


def test_a_companion_that_is_a_link_out_of_the_folder_is_not_delivered(
    run: Run, beats: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine")
    [sidecar] = beats.glob("*_take0.json")
    sidecar.unlink()
    sidecar.symlink_to(tmp_path / "secret")
    code, _, _ = run("curate", beats, "--keep-to", "kept", "--no-zip")
    assert code == 0
    assert not (Path("kept") / sidecar.name).exists()


# One thing at a time.


def test_two_batches_in_one_folder(refused: Refused, beats: Path, preset_file: Path) -> None:
    with lock_folder(beats):
        for command in (["batch", preset_file, "-n", 3, "-o", beats], ["batch", "retry", beats]):
            assert "beats: another process is working in this folder" in refused(*command)


def test_a_batch_and_a_curate_in_one_folder(run: Run, refused: Refused, beats: Path) -> None:
    arguments = ("curate", beats, "--keep-to", "kept", "--reject-to", "out")
    with lock_folder(beats):  # as a batch does
        assert "beats: another process is working in this folder" in refused(*arguments)
    Path("kept").mkdir()
    with lock_folder(Path("kept")):
        assert "kept: another process is working in this folder" in refused(*arguments)
    assert run(*arguments)[0] == 0
    assert not [*Path().rglob(".lofigen-*")]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_takes_in_a_folder_that_cannot_be_written_are_kept_elsewhere(run: Run, beats: Path) -> None:
    beats.chmod(0o555)
    try:
        assert run("curate", beats, "--keep-to", "kept")[0] == 0
    finally:
        beats.chmod(0o755)
