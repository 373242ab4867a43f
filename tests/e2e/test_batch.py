"""Whole batches: killed and resumed, on a full disk, with plugins that take their process along."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.files import read_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset
from lofigen_kit.provenance.save import quantise_rendering
from lofigen_kit.render.take import render, render_takes

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits are those of POSIX")

DEADLY = '''
import os
import time
from typing import Literal

from lofigen_kit.api import Effect, Field, hookimpl


class Naps(Effect):
    """Takes its time."""

    use: Literal["naps"] = "naps"
    seconds: float = Field(default=0.05, ge=0, le=60)

    def apply(self, audio, ctx):
        time.sleep(self.seconds)
        return audio


class Exits(Effect):
    """Takes its process along."""

    use: Literal["exits"] = "exits"
    how: Literal["no", "exit", "raise"] = "no"

    def apply(self, audio, ctx):
        if self.how == "exit":
            os._exit(9)
        if self.how == "raise":
            raise ZeroDivisionError("by the plugin")
        return audio


@hookimpl
def lofigen_effects():
    return [Naps, Exits]
'''
NAPPING = """\
version: 1
name: small
seed: 7
source: {use: bursts}
model: {use: tiny}
sampler: {use: temperature}
effects: [{use: fake-noise, level: 0.01}, {use: naps}, {use: exits}]
"""
TAKES = 60


@pytest.fixture
def napping(tmp_path: Path, plugin_dir: Path) -> Path:
    """A preset of takes that take a moment, beside plugins for it."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "fakes.py").write_text((plugin_dir / "fakes.py").read_text())
    (folder / "deadly.py").write_text(DEADLY)
    path = tmp_path / "small.yaml"
    path.write_text(NAPPING)
    return path


def command(preset: Path, *more: object) -> list[str]:
    words = [sys.executable, "-m", "lofigen_kit", "--plugin-dir", preset.parent / "plugins",
             "batch", preset, "-o", preset.parent / "beats", "--no-cache", *more]  # fmt: skip
    return [str(word) for word in words]


def go(preset: Path, *more: object, **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(preset, *more), capture_output=True, text=True, check=False, **how
    )


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def hashes(folder: Path) -> dict[int, str]:
    """Return the hash of each take that is done; of the sound as it lies there."""
    found: dict[int, str] = {}
    for record in records(folder):
        if record["status"] == "done":
            assert record["audio_sha256"] == hash_audio(read_audio(folder / record["path"]))
            found[record["take"]] = record["audio_sha256"]
    return found


def leftovers(folder: Path) -> list[Path]:
    return [p for p in folder.rglob(".lofigen-*") if p.name != ".lofigen-lock"]


@pytest.fixture(scope="module")
def sequential(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Preset:
    """The preset without what takes time or breaks."""
    path = tmp_path_factory.mktemp("sequential") / "sequential.yaml"
    path.write_text(NAPPING.replace(", {use: naps}, {use: exits}", ""))
    return load_preset(path, registry=registry)


@pytest.fixture(scope="module")
def in_sequence(sequential: Preset) -> dict[int, str]:
    """What a sequential run gives, one take after another in this process."""
    return {
        rendering.take: hash_audio(quantise_rendering(rendering))
        for rendering in render_takes(sequential, range(TAKES))
    }


def workers_of(parent: int) -> list[int]:
    """Return the processes below a process that render, by what their command lines say."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        above = _parent(int(entry.name))
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
        # Dask's nannies stand between.
        if b"spawn_main" in words and parent in (above, _parent(above)):
            found.append(int(entry.name))
    return found


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def wait_for(is_so: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="there is no /proc to find them in"
)
@pytest.mark.parametrize("engine", ["local", pytest.param("dask", marks=pytest.mark.slow)])
def test_killed_workers_and_parents_cost_nothing_but_time(
    napping: Path, in_sequence: dict[int, str], engine: str
) -> None:
    if engine == "dask":
        pytest.importorskip("distributed")
    folder, rng = napping.parent / "beats", np.random.default_rng(5)
    more = ("-n", TAKES, "--workers", 2, "--engine", engine, "--batch-size", 3, "-q")
    begun = subprocess.Popen(command(napping, *more), stderr=subprocess.PIPE)

    def done() -> int:
        manifest = folder / "manifest.jsonl"
        return manifest.read_text().count("\n") if manifest.exists() else 0

    wait_for(lambda: done() > int(rng.integers(3, 10)))
    os.kill(rng.choice(workers_of(begun.pid)), signal.SIGKILL)
    wait_for(lambda: done() > int(rng.integers(20, 35)))
    begun.send_signal(signal.SIGKILL)
    begun.communicate()
    assert 20 < done() < TAKES
    resumed = go(napping, *more)
    assert resumed.returncode == 0, resumed.stderr
    assert hashes(folder) == in_sequence
    assert len(list(folder.glob("*.wav"))) == len(list(folder.glob("*_take*.json"))) == TAKES
    assert leftovers(folder) == []


@pytest.mark.parametrize(
    "company",
    [
        ("local", 1, 8),
        pytest.param(("local", 2, 1), marks=pytest.mark.slow),
        pytest.param(("local", 2, 8), marks=pytest.mark.slow),
        pytest.param(("dask", 1, 1), marks=pytest.mark.slow),
        ("dask", 2, 8),
    ],
)
def test_take_37_is_the_same_in_any_company(
    napping: Path,
    in_sequence: dict[int, str],
    sequential: Preset,
    company: tuple[str, int, int],
) -> None:
    engine, workers, size = company
    if engine == "dask":
        pytest.importorskip("distributed")
    alone = hash_audio(quantise_rendering(render(sequential, 37)))
    ran = go(napping, "-n", TAKES, "--engine", engine, "--workers", workers, "--batch-size", size,
             "-q", "--set", "effects.naps.seconds=0")  # fmt: skip
    # On a busy machine, Dask tells how it closes its workers.
    told = [line for line in ran.stderr.splitlines() if " - distributed." not in line]
    assert (ran.returncode, ran.stdout, told) == (0, "", [])
    found = hashes(napping.parent / "beats")
    assert found == in_sequence
    assert found[37] == alone
    assert {record["engine"] for record in records(napping.parent / "beats")} == {engine}


def test_what_breaks_or_dies_stops_nobody_else(napping: Path, run: Run) -> None:
    more = ("-n", 2, "--workers", 2, "--sweep", "effects.exits.how=no,exit,raise",
            "--set", "effects.naps.seconds=0", "--batch-size", 2)  # fmt: skip
    ran = go(napping, *more)
    assert ran.returncode == 3
    folder = napping.parent / "beats"
    by_point: dict[str, list[str]] = {}
    for record in records(folder):
        by_point.setdefault(record["status"], []).append(record.get("error", ""))
    assert len(by_point["done"]) == 2
    assert sorted(by_point["failed"]) == [
        *["effects.exits#0: ZeroDivisionError: by the plugin"] * 2,
        *["its worker process died twice"] * 2,
    ]
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["000_how-no"]
    code, out, _ = run("batch", "status", folder)
    assert code == 0
    assert "done       2 of 6" in out
    assert "by the plugin" in out


def test_ctrl_c_leaves_a_folder_to_go_on_with(napping: Path, in_sequence: dict[int, str]) -> None:
    folder = napping.parent / "beats"
    more = ("-n", TAKES, "--workers", 2, "--batch-size", 4)
    code = "import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "sys.argv = sys.argv[1:]; runpy.run_module('lofigen_kit', run_name='__main__')"
    words = [sys.executable, "-c", code, *command(napping, *more)[2:]]
    begun = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    manifest = folder / "manifest.jsonl"
    wait_for(lambda: manifest.exists() and manifest.read_text().count("\n") > 8)
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does
    _, err = begun.communicate(timeout=90)
    assert begun.returncode == 130
    assert err == f"lofigen-kit: {folder}: stopped; run the same command again to resume\n"
    assert leftovers(folder) == []
    assert 8 < len(hashes(folder)) < TAKES
    assert go(napping, *more).returncode == 0
    assert hashes(folder) == in_sequence


def test_a_full_disk_is_told_and_what_fits_is_kept(napping: Path) -> None:
    """No file may be larger than this: long takes do not fit, short ones do."""
    limit = 400_000
    more = (
        "-n",
        2,
        "--workers",
        1,
        "--sweep",
        "source.bars=1,8",
        "--set",
        "effects.naps.seconds=0",
    )
    ran = go(napping, *more, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1])))  # fmt: skip
    assert ran.returncode == 3
    assert ran.stderr.count("writing failed (File too large)") == 2
    folder = napping.parent / "beats"
    assert len(list(folder.rglob("*.wav"))) == 2
    assert leftovers(folder) == []
    assert not list((folder / "001_bars-8").glob("*.json"))
    again = go(napping, *more)  # there is room now
    assert again.returncode == 0, again.stderr
    assert len(list(folder.rglob("*.wav"))) == 4


def test_failures_are_tried_again_from_the_folder_alone(run: Run, preset_file: Path) -> None:
    taken = Path("beats/small_200bpm_Dmin_seed7_take1.wav").absolute()
    taken.parent.mkdir()
    taken.write_text("mine")
    code, _, err = run("batch", preset_file, "-n", 2, "-o", "beats", "--workers", 1, "--no-cache")
    assert code == 3
    assert "take 1: " in err
    assert "a file of this name with other audio exists" in err
    assert taken.read_text() == "mine"
    taken.unlink()
    preset_file.unlink()  # the plan is in the folder
    code, out, _ = run("batch", "retry", "beats", "--workers", 1, "--no-cache")
    assert (code, out) == (0, f"{taken.parent}: 2 done, 0 failed\n")


def test_resuming_does_nothing_twice(run: Run, preset_file: Path) -> None:
    command = ("batch", preset_file, "-n", 3, "-o", "beats", "--workers", 1, "--no-cache")
    code, out, _ = run(*command, "--json", "--rank")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["take"] for line in lines] == [0, 1, 2]
    assert all(0 <= line["rank"] <= 1 and line["findings"] is not None for line in lines)
    before = {p: p.stat().st_mtime_ns for p in Path("beats").glob("*.wav")}
    assert len(before) == 3
    ranking = Path("beats/ranking.csv").read_text().splitlines()
    assert len(ranking) == 4
    assert "model: tiny" in Path("beats/CREDITS.txt").read_text()
    assert run(*command, "--json", "--rank")[:2] == (0, "")
    # A line that was lost: the take is rendered again, found there, and left alone.
    manifest = Path("beats/manifest.jsonl")
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    assert run(*command, "--json", "--rank")[1].count("\n") == 1
    assert {p: p.stat().st_mtime_ns for p in Path("beats").glob("*.wav")} == before
    code, _, err = run(*command)
    assert code == 2
    assert "options.rank was True, is False" in err


def test_stems_stand_beside_each_take_and_come_back(run: Run, preset_file: Path) -> None:
    assert run("batch", preset_file, "-n", 2, "-o", "beats", "--stems")[0] == 0
    takes = sorted(Path("beats").glob("*.wav"))
    assert len(takes) == 2
    for take in takes:
        stems = sorted(take.with_suffix(".stems").glob("*.wav"))
        assert [stem.name[:3] for stem in stems] == ["00-", "01-", "02-"]
        with soundfile.SoundFile(stems[0]) as sound:
            assert (sound.samplerate, sound.subtype) == (44_100, "FLOAT")
    before = {path: path.read_bytes() for path in Path("beats").rglob("*.wav")}
    written = {path: path.stat().st_mtime_ns for path in takes}
    command = ("batch", preset_file, "-n", 2, "-o", "beats", "--stems", "--json")
    assert run(*command)[:2] == (0, "")
    stems[1].unlink()
    assert [json.loads(line)["take"] for line in run(*command)[1].splitlines()] == [1]
    # Only what was missing is written: a take that was signed since then stays so.
    assert {path: path.stat().st_mtime_ns for path in takes} == written
    Path("beats/manifest.jsonl").unlink()
    stems[0].unlink()
    assert run(*command)[1].count("\n") == 2
    assert {path: path.read_bytes() for path in Path("beats").rglob("*.wav")} == before


def test_what_a_batch_would_cost(run: Run, preset_file: Path) -> None:
    code, out, _ = run("batch", preset_file, "-n", 10, "-o", "beats", "--dry-run", "--json",
                       "--sweep", "seed=1,2")  # fmt: skip
    facts = json.loads(out)
    assert code == 0
    assert (facts["takes"], facts["settings"]) == (20, 2)
    assert facts["sound_s"] == pytest.approx(24)
    # 1.2 s of stereo in 24 bits, and a recipe or two.
    assert 20 * 317_520 < facts["bytes"] < 20 * 330_000
    assert not Path("beats").exists()


def test_what_may_not_be_sold_is_refused(run: Run, preset_file: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 22_050)
    soundfile.write(tmp_path / "piano.wav", noise, 22_050)
    text = preset_file.read_text().replace("{use: bursts}", "{use: audio-file, path: piano.wav}")
    preset_file.write_text(text)
    code, _, err = run("batch", preset_file, "-n", 2, "-o", "beats", "--commercial", "--workers", 1)
    assert code == 2
    assert "the source's licence is 'unknown'" in err
    assert not Path("beats").exists()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate that it signed itself."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("there is no openssl to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def test_a_scheduler_that_runs_is_talked_to_in_secret(
    run: Run, preset_file: Path, in_sequence: dict[int, str], tls: tuple[Path, Path]
) -> None:
    distributed = pytest.importorskip("distributed")
    key, cert = map(str, tls)
    security = distributed.Security(
        tls_ca_file=cert, tls_scheduler_cert=cert, tls_scheduler_key=key, tls_worker_cert=cert,
        tls_worker_key=key, tls_client_cert=cert, tls_client_key=key, require_encryption=True,
    )  # fmt: skip
    preset_file.write_text(NAPPING.replace(", {use: naps}, {use: exits}", ""))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
        security=security, protocol="tls",
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        command = ("batch", preset_file, "-n", 3, "-o", "beats", "--no-cache", "--address", address)
        code, _, err = run(*command)
        assert code == 2
        assert "needs certificates" in err
        code, _, err = run(*command, "--tls-ca", "nowhere.pem", "--tls-cert", cert)
        assert code == 2
        assert "no scheduler answers" in err
        assert err.count("\n") == 1
        code, _, err = run(*command, "--tls-ca", cert, "--tls-cert", cert, "--tls-key", key)
        assert (code, err) == (0, "")
    assert hashes(Path("beats")) == {take: in_sequence[take] for take in range(3)}


def test_a_dask_that_is_not_there_is_one_line(
    run: Run, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = run("batch", preset_file, "-n", 1, "-o", "beats", "--engine", "dask")
    assert code == 2
    assert err == "lofigen-kit: --engine: Dask is not installed; pip install 'lofigen-kit[dask]'\n"


MEMORY = """
import sys
from pathlib import Path
from lofigen_kit.batch.executors import LocalExecutor
from lofigen_kit.batch.ledger import Ledger
from lofigen_kit.batch.plan import make_plan
from lofigen_kit.batch.scheduler import run_groups
from lofigen_kit.batch.worker import TakeGroup, BatchOptions, WorkerSettings
from lofigen_kit.plugins.loader import load_plugins
import noop

plan = make_plan(sys.argv[1], 10_000, load_plugins())
data = plan.points[0].data
place = WorkerSettings(Path(sys.argv[2]), None)
with Ledger(Path(sys.argv[2]), {**plan.to_json(), "options": {}}) as ledger:
    groups = (
        TakeGroup(data, jobs, "", place, BatchOptions())
        for jobs in plan.iterate_groups(1, ledger.done)
    )
    run_groups(groups, LocalExecutor(1), noop.do, ledger.append)
    assert len(ledger.failed) == 10_000
[highest] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(highest.split()[1]) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc to read")
def test_ten_thousand_jobs_stay_small(tmp_path: Path, preset_file: Path) -> None:
    (tmp_path / "noop.py").write_text("def do(group):\n    return group.failed('not rendered')\n")
    (tmp_path / "main.py").write_text(f"if __name__ == '__main__':\n    exec({MEMORY!r})\n")
    preset_file.write_text("version: 1\nname: x\nsource: {use: beatmaker}\n")
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "main.py"), str(preset_file), str(tmp_path / "beats")],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 200
    assert (tmp_path / "beats" / "manifest.jsonl").stat().st_size < 10_000 * 250
