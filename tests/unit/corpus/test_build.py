from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lofigen_kit.components.base import Context
from lofigen_kit.corpus.build import LEDGER, SongEntries, Workers, assemble
from lofigen_kit.corpus.songs import make_corpus, read_manifest, write_song
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.beatmaker import Beatmaker

SOURCE = Beatmaker(bars=1)
MINUTES = 0.25


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that was made in one go."""
    folder = tmp_path_factory.mktemp("whole")
    make_corpus(folder, SOURCE, minutes=MINUTES, seed=5)
    return folder


def make(folder: Path, **changes: object) -> None:
    options: dict[str, object] = {"minutes": MINUTES, "seed": 5, **changes}
    make_corpus(folder, SOURCE, **options)  # type: ignore[arg-type]


class Killed(BaseException):
    """What no handler catches."""


def stop_at(songs: int) -> Callable[[float], None]:
    seen = iter(range(songs))

    def progress(_minutes: float) -> None:
        if next(seen, None) is None:
            raise Killed

    return progress


def test_any_number_of_workers_makes_the_same_bits(whole: Path, tmp_path: Path) -> None:
    make(tmp_path / "c", workers=Workers(2))
    assert contents(tmp_path / "c") == contents(whole)


def test_a_finished_corpus_is_songs_scores_and_a_manifest(whole: Path) -> None:
    manifest, _ = read_manifest(whole)
    songs = [song["file"] for song in manifest["songs"]]
    scores = [Path(song).with_suffix(".json").name for song in songs]
    assert sorted(contents(whole)) == sorted([*songs, *scores, "manifest.json"])
    assert list(manifest) == ["made_by", "source", "seed", "minutes", "sample_rate_hz", "songs"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_one_goes_on_and_is_the_same(whole: Path, tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "c"
    with pytest.raises(Killed):
        make(folder, progress=stop_at(2), workers=Workers(workers))
    assert not (folder / "manifest.json").exists()
    first = (folder / "0000.flac").stat().st_mtime_ns
    make(folder, workers=Workers(workers))
    assert contents(folder) == contents(whole)
    assert (folder / "0000.flac").stat().st_mtime_ns == first


def test_what_a_kill_tore_is_made_again(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with pytest.raises(Killed):
        make(folder, progress=stop_at(2))
    ledger = folder / LEDGER
    ledger.write_text(ledger.read_text()[:-40])
    (folder / "0000.flac").write_bytes((folder / "0000.flac").read_bytes()[:1000])
    (folder / "0001.json").unlink()
    (folder / ".lofigen-0123456789abcdef").write_bytes(b"half a song")
    make(folder)
    assert contents(folder) == contents(whole)


def test_a_begun_corpus_of_other_arguments_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with pytest.raises(Killed):
        make(folder, progress=stop_at(1))
    before = contents(folder)
    for change in ({"seed": 6}, {"minutes": 0.3}):
        with pytest.raises(InputError, match="beginning of another corpus"):
            make(folder, **change)
    assert contents(folder) == before


def test_a_job_is_done_once_and_none_past_the_end(tmp_path: Path) -> None:
    asked = []

    def job(_folder: Path, number: int) -> SongEntries:
        asked.append(number)
        return [{"why": "there is none", "frames": 0}]

    options = {"arguments": {}, "is_enough": lambda made: len(made) >= 3, "jobs": 3}
    made = assemble(tmp_path / "c", job, **options)  # type: ignore[arg-type]
    assert asked == [0, 1, 2]
    assert assemble(tmp_path / "c", job, **options) == made  # type: ignore[arg-type]
    assert asked == [0, 1, 2]


def _die(_folder: Path, _number: int) -> SongEntries:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def test_a_worker_that_dies_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="a worker died; run the same again"):
        assemble(tmp_path / "c", _die, arguments={}, is_enough=lambda _: False, workers=Workers(2))


def _fail(folder: Path, _number: int) -> SongEntries:
    raise InputError("no such thing", where=folder)


def test_a_workers_error_comes_through(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such thing"):
        assemble(tmp_path / "c", _fail, arguments={}, is_enough=lambda _: False, workers=Workers(2))


def test_a_corpus_survives_a_real_kill(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "lofigen_kit", "corpus", "make", "-o", "c", "--minutes", "0.4",
        "--set", "bars=1", "--seed", "5", "--quiet",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path)
    while not (tmp_path / "c" / "0002.flac").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    subprocess.run(command, cwd=tmp_path, check=True)
    make(tmp_path / "whole", minutes=0.4)
    assert contents(tmp_path / "c") == contents(tmp_path / "whole")


def test_a_source_of_a_plugin_folder_reaches_the_workers(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    command = ("corpus", "make", "--source", "bursts", "--minutes", "0.1", "--set", "bars=2")
    for workers in (1, 2):
        assert run(*command, "-o", f"c{workers}", "--workers", workers)[0] == 0
    assert contents(Path("c1")) == contents(Path("c2"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "bars=0"), "bars: Input should be greater than or equal to 1"),
        (("--set", "bars"), "--set bars: not of the form KEY=VALUE; write a field and its value"),
        (("--source", "folder"), "path: Field required; see `lofigen-kit plugins show folder`"),
        (("--licence", "MIT"), "a source has its own licence"),
        (("--input", ".", "--set", "bars=1"), "recordings have no settings"),
    ],
)
def test_bad_options_are_one_line(
    run: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = run("corpus", "make", "-o", "c", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_held_out_songs_share_neither_progression_nor_seed_with_training(tmp_path: Path) -> None:
    source, splits = Beatmaker(bars=4), {"train": set[str](), "valid": set[str](), "test": set()}
    manifest = make_corpus(tmp_path / "c", source, minutes=3.0, seed=8)
    scores = []
    for number, song in enumerate(manifest["songs"]):
        take = source.make_take(Context(rng_for(8, number, "source")))
        assert song["group"] == take.group == song["title"].split()[0]
        splits[song["split"]].add(take.group)
        scores.append(take.score.to_json())
    assert all(splits.values())
    assert not splits["train"] & (splits["valid"] | splits["test"])
    assert not splits["valid"] & splits["test"]
    # Each take has a stream of its own: no two are alike, whatever their progressions.
    assert len({json.dumps(score) for score in scores}) == len(scores)


def test_songs_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = SOURCE.make_take(Context(rng_for(5, 0, "source")))
    samples = take.audio.samples[0][:8000]
    write = partial(write_song, tmp_path / "0000.flac", take, samples, rng_for(5, 0, "dither"))
    write()
    before = contents(tmp_path)

    def fails(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lofigen_kit.runtime.files.fsync", fails)
    with pytest.raises(RenderError, match="No space left"):
        write()
    assert contents(tmp_path) == before
