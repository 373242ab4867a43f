"""Folders of others: nothing is written outside them, and one process at a time works in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, write_audio
from lofigen_kit.provenance import recipe
from lofigen_kit.runtime.locks import lock_folder
from lofigen_kit.runtime.names import MAX_NAME_BYTES, make_safe_name

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


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A folder of six short sounds."""
    folder = tmp_path / "crate"
    folder.mkdir()
    for number in range(6):
        write_noise(folder / f"{number}.wav", number)
    return folder


def write_noise(path: Path, seed: int = 0) -> None:
    """Write a tenth of a second of noise, by a path that may be no Unicode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 800)
    with path.open("wb") as file:
        soundfile.write(file, noise, 8000, format="WAV")


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(start_command: Start, preset_file: Path) -> Start:
    """Start `process` in a process of its own."""
    return partial(start_command, "process", "-p", preset_file)


@pytest.fixture
def start_command(run: Run) -> Start:  # noqa: ARG001 - it is called where `run` calls
    """Start a command in a process of its own."""

    def begin(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "lofigen_kit", *arguments]
        return subprocess.Popen(
            [os.fsencode(str(part)) for part in command],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return begin


def check_outputs(folder: Path, count: int) -> None:
    """Check that each sound and its recipe are of one run, and that nothing else is there."""
    sounds = sorted(folder.glob("*.wav"))
    assert len(sounds) == count
    for path in sounds:
        assert read_audio(path).frames == 4410
        beside = json.loads(path.with_suffix(".json").read_text())
        assert beside["audio_sha256"] == (recipe.read(path) or {})["audio_sha256"]
    assert len([*folder.rglob("*")]) == 2 * count


def test_two_processings_of_one_folder_share_the_work(crate: Path, start: Start) -> None:
    both = [start(crate, "-o", "out") for _ in range(2)]
    ended = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    lines = b"".join(out for out, _ in ended).splitlines()
    assert sum(line.endswith(b"done already") for line in lines) == 6
    check_outputs(Path("out"), 6)


def test_single_files_are_processed_beside_each_other(crate: Path, start: Start) -> None:
    files = sorted(crate.iterdir())[:3]
    several = [start(file, "-o", "out/") for file in (*files, files[0])]
    ended = [process.communicate(timeout=120) for process in several]
    codes = [process.returncode for process in several]
    assert codes[1:3] == [0, 0], ended
    assert sorted((codes[0], codes[3])) == [0, 2]  # one of two that make the same file
    assert b"Traceback" not in b"".join(err for _, err in ended)
    check_outputs(Path("out"), 3)


def test_a_batch_and_a_processing_in_one_folder(crate: Path, beats: Path, start: Start) -> None:
    """Who processes waits until the batch has ended."""
    with lock_folder(beats):
        waiting = start(crate, "-o", beats)
        assert waiting.stderr is not None
        assert b"waiting for another process that works in this folder" in waiting.stderr.readline()
        assert not [*beats.glob("0_small.*")]
    out, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, err
    assert len(out.splitlines()) == 6


# Small files with large claims.


def write_with_recipe(path: Path, preset: dict[str, object], **facts: object) -> None:
    """Write a second of silence whose recipe is a stranger's."""
    made = {"format": recipe.FORMAT, "command": "chain", "preset": preset, "take": 0, **facts}
    silence = AudioBuffer(np.zeros((1, 8000)), 8000)
    write_audio(path, silence, format="wav", bit_depth=16, comment=json.dumps(made), rng=None)


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([{"use": "varispeed", "semitones": -12}] * 40, "h of sound: the limit is 20 min"),
        (
            [{"use": "mix", "branches": [[{"use": "gain"}] * 64] * 8}] * 40,
            "h of sound: the limit is 5 h",
        ),
    ],
)
def test_a_recipe_that_asks_for_too_much(
    refused: Refused, tmp_path: Path, effects: list[object], message: str
) -> None:
    preset = {"version": 1, "name": "b", "source": {"use": "bursts"}, "effects": effects}
    path = tmp_path / "small.wav"
    write_with_recipe(path, preset)
    for command in (["chain", "preset", path], ["chain", "replay", path]):
        assert message in refused(*command)
    write_noise(tmp_path / "a.wav")
    assert "the limit is" in refused("process", tmp_path / "a.wav", "-p", path)


def test_a_take_without_end_is_the_first(run: Run, tmp_path: Path) -> None:
    preset = {"version": 1, "name": "b", "source": {"use": "bursts"}}
    write_with_recipe(tmp_path / "many.wav", preset, take=10**300)
    assert run("chain", "preset", tmp_path / "many.wav", "-o", "out/")[0] == 0
    assert [path.stem for path in Path("out").glob("*.wav")] == ["b_200bpm_Dmin_seed0_take0"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise")
def test_a_long_sound_is_inspected_as_it_goes_by(tmp_path: Path) -> None:
    """Six hours at 8 kHz are 13 kB, and would be 700 MB of samples."""
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for _ in range(6):
            file.write(np.zeros(3600 * 8000, np.int16))
    before = path.stat().st_size
    assert before < 1 << 20
    command = [sys.executable, "-c", TELL_MEMORY, "inspect", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(done.stdout)["duration_s"] == 6 * 3600.0
    _, highest_kb, _ = done.stderr.split()  # and no other word
    assert int(highest_kb) < 600 << 10


TELL_MEMORY = """
import atexit, pathlib, sys
from lofigen_kit.cli import main

def tell():
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    sys.stderr.write(next(line for line in status if line.startswith("VmHWM")))

atexit.register(tell)
main(sys.argv[1:])
"""
"""Runs a command, and says at its end how much memory it had, as it is not told of a child."""


# A stopped folder.


def test_a_stopped_folder_goes_on_where_it_was(run: Run, crate: Path, preset_file: Path) -> None:
    command = ("process", crate, "-p", preset_file, "-o", "out")
    assert run(*command)[0] == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    done = Path("out/0_small.wav").stat().st_mtime_ns
    Path("out/1_small.wav").unlink()  # as a kill leaves it: the recipe is written first
    Path("out/2_small.wav").unlink()
    Path("out/2_small.json").unlink()
    Path("out/3_small.json").unlink()
    code, out, err = run(*command)
    assert code == 3, err
    assert sorted(line.split()[0] for line in out.splitlines() if "already" not in line) == [
        "out/1_small.wav", "out/2_small.wav"
    ]  # fmt: skip
    assert "out/3_small.wav: the file is there already" in err
    assert Path("out/0_small.wav").stat().st_mtime_ns == done
    assert run(*command, "--force")[0] == 0
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_what_was_made_of_another_sound_or_by_another_preset_is_kept(
    run: Run, crate: Path, preset_file: Path
) -> None:
    command = ("process", crate, "-p", preset_file, "-o", "out", "-q")
    assert run(*command)[0] == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    write_noise(crate / "0.wav", 9)
    write_noise(crate / "6.wav", 6)
    code, _, err = run(*command)
    assert (code, err.count("\n")) == (3, 1)
    assert "out/0_small.wav: the file is there already" in err
    code, _, err = run(*command, "--set", "master.loudness_lufs=-20")
    assert (code, err.count("\n")) == (3, 7)
    assert {path: path.read_bytes() for path in before} == before
    assert Path("out/6_small.wav").exists()


def test_the_kits_own_batch_is_processed(run: Run, beats: Path, preset_file: Path) -> None:
    code, out, err = run("process", beats, "-p", preset_file, "-o", "again")
    assert code == 0, err
    assert len(out.splitlines()) == 2
    assert err.count("\n") == 1
    assert "left out, since this is not audio that can be read: CREDITS.txt, batch.json" in err


def test_results_beside_their_inputs_are_not_processed_again(
    run: Run, crate: Path, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(crate)
    assert run("process", ".", "-p", preset_file, "-q")[0] == 0
    names = sorted(path.name for path in crate.iterdir())
    assert len(names) == 18
    code, out, err = run("process", ".", "-p", preset_file)
    assert code == 0, err
    assert out.count("done already\n") == 6
    assert "since it is the result of another file: 0_small.wav, 1_small.wav, 2_small" in err
    assert sorted(path.name for path in crate.iterdir()) == names


# Names.


def test_two_sounds_of_one_name_and_the_rest(run: Run, tmp_path: Path, preset_file: Path) -> None:
    for name in ("song.wav", "song.aif", "SONG.wav", "other.wav"):
        write_noise(tmp_path / "twin" / name)
    code, out, err = run("process", tmp_path / "twin", "-p", preset_file, "-o", "out")
    assert code == 0, err
    names = sorted(line.split()[0] for line in out.splitlines())
    assert names == ["out/SONG_small.wav", "out/other_small.wav", "out/song-2_small.wav",
                     "out/song-3_small.wav"]  # fmt: skip


NAMES = (
    "夜の雨", "春の歌", "ночь", "νύχτα", "ليل", "\u0645\u06cc\u200c\u062e", "Rhodes C", "Rhodes C#",
    "kick (1)", "kick #1", "[loop] 100%", "🎹", "long " * 20 + "01 Intro",
    "long " * 20 + "02 Outro", "雨" * 80 + "a", "雨" * 80 + "b",
)  # fmt: skip


def test_letters_of_any_script_stay(run: Run, tmp_path: Path, preset_file: Path) -> None:
    for name in NAMES:
        write_noise(tmp_path / "names" / f"{name}.wav")
    write_noise(tmp_path / "names" / unicodedata.normalize("NFD", "été.wav"))
    code, out, err = run("process", tmp_path / "names", "-p", preset_file, "-o", "out")
    assert code == 0, err
    written = {path.name.removesuffix("_small.wav") for path in Path("out").glob("*.wav")}
    short = {name for name in NAMES if len(name.encode()) <= MAX_NAME_BYTES}
    assert written > short | {"été"}
    assert len(written) == len(NAMES) + 1 == len(out.splitlines())
    for name in ("夜の雨", "ночь"):
        code, out, _ = run("chain", "preset", preset_file, "--set", f"name={name}", "-o", "by/")
        assert code == 0
        assert out.startswith(f"by/{name}_200bpm")


def test_names_that_are_forbidden_somewhere() -> None:
    forbidden = {"a/b": "a-b", 'a:"*?<>|b': "a-b", "../up": "up", "CON": "_CON",
                 "nul.txt": "_nul.txt", "a\nb\u202e": "a b", "trailing. ": "trailing", "-n": "n",
                 "": "untitled", "\0": "untitled", ".hidden": "hidden"}  # fmt: skip
    assert {name: make_safe_name(name) for name in forbidden} == forbidden


needs_bytes = pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode here")


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A folder of sounds of which one has a name in Latin-1, as unzipped sample packs do."""
    for name in (b"a", b"caf\xe9", b"z"):
        write_noise(tmp_path / "latin" / os.fsdecode(name + b".wav"))
    return tmp_path / "latin"


@needs_bytes
@pytest.mark.parametrize("workers", [1, 2])
def test_bytes_that_are_no_unicode_are_carried_through(
    run: Run, latin: Path, preset_file: Path, workers: int
) -> None:
    code, out, err = run(
        "process", latin, "-p", preset_file, "-o", "out", "--json", "--workers", workers
    )
    assert code == 0, err
    assert [len(json.loads(out)[key]) for key in ("files", "failed")] == [3, 0]
    assert sorted(map(os.fsencode, Path("out").iterdir()))[2:4] == [
        b"out/caf\xe9_small.json", b"out/caf\xe9_small.wav"
    ]  # fmt: skip
    facts = recipe.read(Path(os.fsdecode(b"out/caf\xe9_small.wav"))) or {}
    assert facts["preset"]["source"]["path"] == "caf\ufffd.wav"
    assert facts["title"] == "caf\ufffd"
    again = ("process", latin, "-p", preset_file, "-o", "out")
    assert run(*again)[0] == 0


@needs_bytes
def test_a_name_that_is_no_unicode_as_an_input(
    run: Run, latin: Path, preset_file: Path, tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(latin) + b"/caf\xe9.wav"))
    assert run("process", odd, "-p", preset_file, "-o", "one/")[0] == 0
    code, _, err = run("chain", "preset", preset_file, "--input", odd, "-o", "x.wav")
    assert code == 0, err
    (tmp_path / "f.yaml").write_text("version: 1\nname: f\nsource: {use: folder, path: latin}\n")
    code, _, err = run("chain", "preset", tmp_path / "f.yaml", "--takes", 8, "-o", "drawn/")
    assert code == 0, err
    titles = {(recipe.read(path) or {})["title"] for path in Path("drawn").glob("*.wav")}
    assert "caf\ufffd" in titles


@needs_bytes
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_console_that_cannot_print_a_path(
    latin: Path, start: Start, encoding: str, *, as_json: bool
) -> None:
    write_noise(latin / "夜.wav")
    more = ["--json"] if as_json else []
    process = start(latin, "-o", "out", *more, PYTHONIOENCODING=encoding)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert len([*Path("out").iterdir()]) == 8
    if as_json:
        paths = [file["path"] for file in json.loads(out.decode(encoding))["files"]]
        assert {os.fsencode(path) for path in paths} == {
            b"out/a_small.wav", b"out/caf\xe9_small.wav", b"out/z_small.wav",
            "out/夜_small.wav".encode(),
        }  # fmt: skip
