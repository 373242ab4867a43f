"""A batch's plan, its ledger, and how its work is given out; no process is begun here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lofigen_kit.batch.executors import check_address
from lofigen_kit.batch.ledger import MANIFEST, Ledger, Record, read_last_records
from lofigen_kit.batch.plan import BatchPlan, SweepPoint, TakeJob, from_json, make_plan
from lofigen_kit.batch.scheduler import run_groups
from lofigen_kit.batch.worker import BatchOptions, TakeGroup, WorkerSettings
from lofigen_kit.errors import InputError, LofigenError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.provenance.licences import check_commercial, format_credits
from lofigen_kit.runtime.locks import LOCK

Planned = Callable[..., BatchPlan]


@pytest.fixture
def planned(preset_file: Path, registry: Registry) -> Planned:
    return lambda takes=3, **more: make_plan(str(preset_file), takes, registry, **more)


# The plan.


def test_a_plan_is_every_take_of_every_setting(planned: Planned) -> None:
    plan = planned(sweeps=["effects.0.level=0.01,0.1", "seed=1:9:3"])
    assert len(plan) == 18
    assert [point.name for point in plan.points] == [
        "000_level-0.01_seed-1", "001_level-0.01_seed-5", "002_level-0.01_seed-9",
        "003_level-0.1_seed-1", "004_level-0.1_seed-5", "005_level-0.1_seed-9",
    ]  # fmt: skip
    assert [point.preset.seed for point in plan.points] == [1, 5, 9, 1, 5, 9]
    jobs = list(plan.iterate_jobs())
    assert len({job.key for job in jobs}) == 18
    assert plan.get_subfolder(jobs[0]) == "000_level-0.01_seed-1"


def test_a_key_depends_on_what_is_rendered_alone(planned: Planned) -> None:
    few, more = ([job.key for job in planned(n).iterate_jobs()] for n in (2, 5))
    assert more[:2] == few
    other = next(planned(overrides=["effects.0.level=0.5"]).iterate_jobs())
    assert other.key != few[0]


def test_a_table_is_a_setting_a_row(planned: Planned, tmp_path: Path) -> None:
    table = tmp_path / "settings.csv"
    table.write_text("effects.0.level, seed\n0.1, 5\n\n0.2, 6\n")
    plan = planned(table=table)
    assert [(p.preset.seed, p.data["effects"][0]["level"]) for p in plan.points] == [
        (5, 0.1), (6, 0.2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("seed", "'seed' is not KEY=VALUES"),
        ("seed=", "'seed=' is not KEY=VALUES"),
        ("seed=0:1:1", "a range has 2 to 10000 values"),
        ("seed=0:1:99999", "a range has 2 to 10000 values"),
        ("effects.0.level=0.1,loud", "level"),
        ("effects.0.levle=0.1", "there is no such field"),
    ],
)
def test_a_sweep_that_is_wrong_is_one_line(planned: Planned, sweep: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(sweeps=[sweep])


def test_settings_that_are_the_same_are_refused(planned: Planned) -> None:
    with pytest.raises(InputError, match="seed=1: settings 0 and 2 are the same"):
        planned(sweeps=["seed=1,2,1"])


def test_too_many_settings_are_refused_before_they_are_made(planned: Planned) -> None:
    with pytest.raises(InputError, match="1000000 settings are more than 10000"):
        planned(sweeps=["seed=0:999:1000", "effects.0.level=0:1:1000"])


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "the table is empty"),
        (b"seed\n", "the table is empty"),
        (b"seed,effects.0.level\n1\n", "row 2 has 1 values for 2 fields"),
        (b"seed\n\xff\xfe\n", "this is not text in UTF-8"),
        (b'seed\n"1\n', "this is not a CSV table"),
        (b"seed\n" + b"1\n" * 600_000, "larger than 1 MiB"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(
    planned: Planned, tmp_path: Path, blob: bytes, message: str
) -> None:
    (tmp_path / "t.csv").write_bytes(blob)
    with pytest.raises(InputError, match=message):
        planned(table=tmp_path / "t.csv")


def test_groups_leave_out_what_is_done(planned: Planned) -> None:
    plan = planned(10, sweeps=["seed=1,2"])
    done = {job.key for job in plan.iterate_jobs() if job.take in (0, 1, 2, 3, 5)}
    groups = [[(job.point, job.take) for job in group] for group in plan.iterate_groups(4, done)]
    assert groups == [[(n, 4), (n, 6), (n, 7)] if g == 0 else [(n, 8), (n, 9)]
                      for n in (0, 1) for g in (0, 1)]  # fmt: skip


def test_no_folder_grows_without_end(planned: Planned) -> None:
    plan = planned(5000)
    places = {plan.get_subfolder(TakeJob(0, take, "")) for take in (0, 999, 1000, 1999, 4321)}
    assert places == {"", "take1000-", "take4000-"}


def test_a_plan_is_kept_and_read_back(planned: Planned, registry: Registry) -> None:
    plan = planned(4, sweeps=["effects.0.level=0.01,0.1"])
    data = json.loads(json.dumps(plan.to_json()))
    again = from_json(data, registry, where=Path("batch.json"))
    assert list(again.iterate_jobs()) == list(plan.iterate_jobs())
    with pytest.raises(InputError, match="plan is damaged"):
        from_json({"points": [{}], "takes": 1, "root": None}, registry, where=Path("batch.json"))


def test_a_kept_plan_runs_no_machine_code(planned: Planned, registry: Registry) -> None:
    """A folder may be a stranger's."""
    data = planned().to_json()
    data["points"][0]["preset"]["effects"].append({"use": "vst3", "path": "~/.vst3/a.vst3"})
    with pytest.raises(InputError, match="machine code"):
        from_json(data, registry, where=Path("batch.json"))


@pytest.mark.parametrize(
    "name", ["/elsewhere", "../up", "a/b", "a\\b", "..", ".", "C:x", "a\0b", "up/../../x"]
)
def test_a_kept_plan_names_folders_inside_its_own(
    planned: Planned, registry: Registry, name: str
) -> None:
    data = planned().to_json()
    data["points"][0]["name"] = name
    with pytest.raises(InputError, match="would be written outside the folder"):
        from_json(data, registry, where=Path("batch.json"))


@pytest.mark.parametrize("root", ["/", "", None, ".."])
def test_a_kept_plan_reads_no_file_outside_its_folder(
    planned: Planned, registry: Registry, tmp_path: Path, root: str | None
) -> None:
    """A preset may name files in its folder, and a stranger's plan says which folder that is."""
    folder = tmp_path / "beats"
    folder.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    data = planned().to_json()
    path = {"/": str(tmp_path / "secret.wav")[1:], "..": "secret.wav"}.get(
        str(root), str(tmp_path / "secret.wav")
    )
    data["root"] = str(tmp_path) if root == ".." else root
    data["points"][0]["preset"]["source"] = {"use": "audio-file", "path": path}
    with pytest.raises(InputError, match=r"reads '.*secret.wav', which is not in the batch's"):
        from_json(data, registry, where=folder / "batch.json")
    (folder / "own.wav").write_bytes(b"RIFF")
    data["points"][0]["preset"]["source"]["path"] = "own.wav"
    data["root"] = str(folder)
    assert len(from_json(data, registry, where=folder / "batch.json")) == 3


# The ledger.


@pytest.fixture
def head(planned: Planned) -> dict[str, object]:
    return {**planned().to_json(), "options": {"rank": False}}


def record(job: str, folder: Path, status: str = "done") -> Record:
    path = f"{job}.wav"
    (folder / path).write_bytes(b"x")
    return {"job": job, "status": status, "path": path, "take": 0, "error": "broke"}


def test_what_is_done_is_found_again(tmp_path: Path, head: dict[str, object]) -> None:
    folder = tmp_path / "new"
    with Ledger(folder, head) as ledger:
        for job in "abc":
            ledger.append(record(job, folder))
        ledger.append(record("d", folder, "failed"))
        ledger.append(record("e", folder, "failed"))
        ledger.append(record("e", folder))
    (folder / "b.wav").unlink()
    with Ledger(folder, head) as ledger:
        assert set(ledger.done) == {"a", "c", "e"}  # b's file is gone
        assert ledger.failed == {"d": "broke"}
        assert [r["job"] for r in ledger.read_records()] == list("abcde")


def test_a_torn_line_is_as_good_as_never_written(tmp_path: Path, head: dict[str, object]) -> None:
    with Ledger(tmp_path / "b", head) as ledger:
        ledger.append(record("a", ledger.folder))
        ledger.append(record("b", ledger.folder))
    manifest = tmp_path / "b" / MANIFEST
    whole = manifest.read_bytes()
    for end in range(len(whole) // 2 + 1, len(whole)):
        manifest.write_bytes(whole[:end])
        with Ledger(tmp_path / "b", head) as ledger:
            assert set(ledger.done) == {"a"}
            ledger.append(record("c", ledger.folder))
        assert [r["job"] for r in read_last_records(tmp_path / "b")] == ["a", "c"]


def test_lines_of_a_stranger_are_passed_over(tmp_path: Path, head: dict[str, object]) -> None:
    with Ledger(tmp_path / "b", head) as ledger:
        ledger.append(record("a", ledger.folder))
    manifest = tmp_path / "b" / MANIFEST
    manifest.write_bytes(
        b'[1]\n{"job": 3}\nnothing\n\xff\xfe\n{"job": "x"}\n' + manifest.read_bytes()
    )
    with Ledger(tmp_path / "b", head) as ledger:
        assert set(ledger.done) == {"a"}


def test_another_batch_is_refused_and_says_where_it_differs(
    tmp_path: Path, planned: Planned, head: dict[str, object]
) -> None:
    with Ledger(tmp_path / "b", head):
        pass
    louder = planned(overrides=["effects.0.level=0.5"])
    with pytest.raises(
        InputError, match=r"another batch: points\[0\]\.preset\.effects\[0\]\.level was 0\.01, is"
    ):
        Ledger(tmp_path / "b", {**louder.to_json(), "options": {"rank": False}})
    with pytest.raises(InputError, match=r"options\.rank was False, is True"):
        Ledger(tmp_path / "b", {**head, "options": {"rank": True}})
    with Ledger(tmp_path / "b", {**head, "takes": 99}) as ledger:  # more of the same
        assert ledger.head["takes"] == 99


def test_one_process_at_a_time(tmp_path: Path, head: dict[str, object]) -> None:
    with Ledger(tmp_path / "b", head), pytest.raises(InputError, match="another process"):
        Ledger(tmp_path / "b", head)
    with Ledger(tmp_path / "b", head):
        pass


def test_what_a_kill_left_behind_goes(tmp_path: Path, head: dict[str, object]) -> None:
    torn = tmp_path / "b" / "take1000-" / ".lofigen-0123"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"half")
    with Ledger(tmp_path / "b", head):
        assert not torn.exists()


@pytest.mark.parametrize("link", [".lofigen-lock", "manifest.jsonl", "deep/take1000-", "a.wav"])
def test_a_link_out_of_the_folder_is_refused(
    tmp_path: Path, head: dict[str, object], link: str
) -> None:
    """A stranger's folder may hold links, through which a batch would write."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine, without a line's end")
    folder = tmp_path / "b"
    with Ledger(folder, head):
        pass
    (folder / "deep").mkdir()
    (folder / link).unlink(missing_ok=True)
    (folder / link).symlink_to(outside)
    with pytest.raises(InputError, match="link"):
        Ledger(folder, head)
    assert outside.read_bytes() == b"mine, without a line's end"


@pytest.mark.parametrize("name", ["manifest.jsonl", "CREDITS.txt"])
def test_files_that_are_no_batchs_are_kept(
    tmp_path: Path, head: dict[str, object], name: str
) -> None:
    (tmp_path / name).write_text("mine, without a line's end")
    with pytest.raises(InputError, match=f"{name}: the file is there already"):
        Ledger(tmp_path, head)
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("small.yaml", "cwd")] == [name]
    assert (tmp_path / name).read_text() == "mine, without a line's end"


@pytest.mark.parametrize("path", ["/etc/hostname", "../outside.wav", None, 3, ["a.wav"]])
def test_a_record_that_names_a_file_elsewhere_is_passed_over(
    tmp_path: Path, head: dict[str, object], path: object
) -> None:
    (tmp_path / "outside.wav").write_bytes(b"x")
    with Ledger(tmp_path / "b", head) as ledger:
        ledger.append(record("a", ledger.folder))
    line = {"job": "z", "status": "done", "path": path, "take": 1}
    stem = {"job": "y", "status": "done", "path": "a.wav", "stems": [path], "take": 1}
    with (tmp_path / "b" / MANIFEST).open("a") as file:
        file.write(f"{json.dumps(line)}\n{json.dumps(stem)}\n")
    with Ledger(tmp_path / "b", head) as ledger:
        assert set(ledger.done) == {"a"}


def test_no_lock_is_left_behind(tmp_path: Path, head: dict[str, object]) -> None:
    with Ledger(tmp_path / "b", head) as ledger:
        assert (ledger.folder / LOCK).exists()
    assert not (tmp_path / "b" / LOCK).exists()


# Giving out the work.


class Threads:
    """An engine of threads, which breaks when it is told to."""

    name = "threads"

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self.opened = 0

    @contextmanager
    def open(self) -> Iterator[Executor]:
        self.opened += 1
        with ThreadPoolExecutor(self.workers) as pool:
            yield _Breakable(pool)


class _Breakable(Executor):
    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._broken = False

    def submit(self, do: Callable[..., object], /, *arguments: object) -> Future:  # type: ignore[override,type-arg]
        if self._broken:
            raise BrokenExecutor("dead")
        return self._pool.submit(self._do, do, *arguments)

    def _do(self, do: Callable[..., object], *arguments: object) -> object:
        try:
            return do(*arguments)
        except DiedError:
            self._broken = True
            raise BrokenExecutor("dead") from None


class DiedError(Exception):
    """What a process dies of."""


def groups(count: int, size: int = 1) -> Iterator[TakeGroup]:
    for start in range(0, count, size):
        jobs = tuple(TakeJob(0, n, f"key{n}") for n in range(start, min(start + size, count)))
        yield TakeGroup({}, jobs, "", WorkerSettings(Path(), None), BatchOptions())


def done(group: TakeGroup) -> list[Record]:
    return [{"job": job.key, "status": "done", "take": job.take} for job in group.jobs]


def told(
    count: int,
    do: Callable[[TakeGroup], list[Record]],
    *,
    size: int = 1,
    engine: Threads | None = None,
) -> dict[str, Record]:
    records: list[Record] = []
    run_groups(groups(count, size), engine or Threads(), do, records.append)
    by_job = {record["job"]: record for record in records}
    assert len(by_job) == len(records)  # each is told of once
    return by_job


def test_every_job_is_told_of_once() -> None:
    records = told(101, done, size=8)
    assert len(records) == 101
    assert {record["engine"] for record in records.values()} == {"threads"}


@pytest.mark.parametrize("size", [1, 4])
def test_the_one_under_which_processes_die_is_found(size: int) -> None:
    def do(group: TakeGroup) -> list[Record]:
        if any(job.take == 13 for job in group.jobs):
            raise DiedError
        return done(group)

    engine = Threads()
    records = told(30, do, size=size, engine=engine)
    assert len(records) == 30
    failed = [record for record in records.values() if record["status"] == "failed"]
    assert [(record["take"], record["error"]) for record in failed] == [
        (13, "its worker process died twice")
    ]
    assert engine.opened < 8


def test_who_is_killed_once_is_innocent() -> None:
    killed: list[int] = []

    def do(group: TakeGroup) -> list[Record]:
        if group.jobs[0].take == 5 and len(killed) < 2:
            killed.append(5)
            raise DiedError
        return done(group)

    assert all(record["status"] == "done" for record in told(20, do).values())


def test_what_an_engine_cannot_send_is_tried_alone() -> None:
    def do(group: TakeGroup) -> list[Record]:
        if any(job.take == 3 for job in group.jobs):
            raise ValueError("cannot be sent")
        return done(group)

    records = told(16, do, size=8)
    assert {r["take"]: r["error"] for r in records.values() if r["status"] == "failed"} == {
        3: "ValueError: cannot be sent"
    }


def test_work_is_taken_a_little_ahead_and_no_more() -> None:
    taken = 0

    def counted() -> Iterator[TakeGroup]:
        nonlocal taken
        for group in groups(50):
            taken += 1
            yield group

    finished = 0

    def tell(_: Record) -> None:
        nonlocal finished
        finished += 1
        assert taken - finished <= 4

    run_groups(counted(), Threads(2), done, tell)
    assert finished == 50


# Terms, and addresses.


@pytest.mark.parametrize("licence", ["unknown", "", "CC-BY-NC-4.0", "proprietary", "cc0"])
def test_what_may_not_be_sold(licence: str) -> None:
    with pytest.raises(InputError, match="the model's licence is"):
        check_commercial({"source": "CC0-1.0", "model": licence})


def test_what_may_be_sold() -> None:
    check_commercial({"source": "CC0-1.0", "model": "CC-BY-4.0"})


def test_credits_name_each_part_with_its_terms() -> None:
    sound = {"status": "done", "licences": {"source": "CC0-1.0", "model": "MIT"},
             "made_with": {"source": "beatmaker", "model": "conv4 abc"}}  # fmt: skip
    text = format_credits([sound, sound, {"status": "failed"}])
    assert "source: beatmaker; CC0-1.0; in 2 sounds\n" in text
    assert "model: conv4 abc; MIT; in 2 sounds\n" in text


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "localhost:8786", "tls://far:8786",
                                     "tcp://[::1]:8786"])  # fmt: skip
def test_addresses_that_are_safe(address: str) -> None:
    check_address(address, insecure=False, certified=address.startswith("tls"))


def test_tls_wants_certificates() -> None:
    with pytest.raises(InputError, match="needs certificates; give --tls-ca"):
        check_address("tls://far:8786", insecure=True)


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:8786", "far.example:8786", "tcp://0.0.0.0:1"])
def test_addresses_in_the_clear_need_a_word(address: str) -> None:
    with pytest.raises(InputError, match="would not be encrypted"):
        check_address(address, insecure=False)
    check_address(address, insecure=True)


@pytest.mark.parametrize("address", ["", "ftp://x:1", "tcp://", "http://127.0.0.1:1"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(LofigenError, match="is not an address"):
        check_address(address, insecure=True)


def test_a_point_is_its_preset_in_full(planned: Planned) -> None:
    [point] = planned().points
    assert isinstance(point, SweepPoint)
    assert point.data["output"]["sample_rate_hz"] == 44_100
