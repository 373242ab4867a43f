"""`batch`: render hundreds of takes, resumable, on this machine or a cluster."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lofigen_kit.cli.chain import PresetArgument
from lofigen_kit.cli.common import (
    SOME_FAILED,
    Json,
    Overrides,
    Quiet,
    RootOptions,
    Seed,
    align_columns,
    load_registry,
    show,
    to_json,
    to_printable,
    warn,
)
from lofigen_kit.cli.output import Certificate, Key, Sign, load_signer
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.batch.executors import BatchExecutor
    from lofigen_kit.batch.ledger import Ledger, Record
    from lofigen_kit.batch.plan import BatchPlan
    from lofigen_kit.batch.worker import BatchOptions, WorkerSettings
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.provenance.c2pa import Identity

MAX_SHOWN_FAILURES = 20
"""Failures that `status` shows; the manifest has all of them."""


class _RunByDefault(TyperGroup):
    """Makes `batch PRESET` an abbreviation of `batch run PRESET`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Add `run` where the first argument is not the name of a command."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Render hundreds of takes: `batch PRESET -n 500 -o beats/`.",
)
ExecutorName = Annotated[
    str,
    typer.Option(
        "--engine", metavar="local|dask", help="Render on this machine or on a Dask cluster."
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=256, help="Processes; by default one for each core.")
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:8786", help="A running Dask scheduler; by default one is started."
    ),
]
CacheOption = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache", help="Cache the network's output, to reuse it with other effects."
    ),
]
BatchSize = Annotated[
    int, typer.Option(min=1, max=64, help="Takes that one process generates side by side.")
]
TlsCa = Annotated[
    Path | None, typer.Option(metavar="PEM", help="CA certificate of the Dask scheduler.")
]
TlsCert = Annotated[
    Path | None, typer.Option(metavar="PEM", help="TLS certificate for the Dask scheduler.")
]
TlsKey = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Private key of the TLS certificate.")
]
Gpu = Annotated[
    bool,
    typer.Option("--gpu", help="Generate on GPUs: each take needs one Dask resource named GPU."),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Connect to another machine's scheduler without TLS.")
]
BatchFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of a batch that was started.")
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="batch")


@app.command()
def run(
    ctx: typer.Context,
    *,
    preset: PresetArgument,
    takes: Annotated[int, typer.Option("-n", min=1, help="Takes of each setting.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write into.")
    ],
    seed: Seed = None,
    overrides: Overrides = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=A,B,C",
            help="Values of a field to try, or KEY=FROM:TO:COUNT; repeatable for a grid.",
        ),
    ] = None,
    sweep_table: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="One setting in each row; the first row names fields."),
    ] = None,
    engine: ExecutorName = "local",
    workers: Workers = None,
    address: Address = None,
    gpu: Gpu = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    batch_size: BatchSize = 8,
    cache: CacheOption = True,
    reject_collapsed: Annotated[
        bool,
        typer.Option("--reject-collapsed", help="Generate takes again that have collapsed."),
    ] = False,
    rank: Annotated[
        bool, typer.Option("--rank", help="Rate each take, and write ranking.csv, best first.")
    ] = False,
    stems: Annotated[
        bool,
        typer.Option(
            "--stems", help="Also write each part, and the sound after each stage, of every take."
        ),
    ] = False,
    commercial: Annotated[
        bool,
        typer.Option(
            "--commercial", help="Refuse licences that are not known to allow commercial use."
        ),
    ] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate time and disk space, and stop.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render takes into a folder; run it again to resume.

    The folder also gets `manifest.jsonl`, one line for each take, and `CREDITS.txt`. The exit code
    is 3 if some takes failed. With --json, each take is one line of JSON on standard output.
    """
    from lofigen_kit.batch.plan import make_plan
    from lofigen_kit.batch.worker import BatchOptions

    registry = load_registry(ctx)
    changes = [*(overrides or []), *([] if seed is None else [f"seed={seed}"])]
    plan = make_plan(
        preset, takes, registry, overrides=changes, sweeps=sweep or [], table=sweep_table
    )
    options = BatchOptions(
        reject_collapsed=reject_collapsed, rank=rank, stems=stems, commercial=commercial
    )
    if commercial:
        _check_plan_licences(plan)
    tls = {"ca_file": tls_ca, "cert": tls_cert, "key": tls_key}
    executor = _make_executor(
        engine,
        workers or os.cpu_count() or 1,
        ctx.obj,
        address=address,
        gpu=gpu,
        tls={name: str(path) for name, path in tls.items() if path},
        insecure=insecure,
    )
    if dry_run:
        _estimate(plan, registry, executor, output, as_json=as_json)
        return
    head = {**plan.to_json(), "options": options.to_json()}
    identity = _identity(plan, certificate, key) if sign else None
    worker_settings = _make_worker_settings(
        ctx.obj, output, plan, cache=cache, gpu=gpu, identity=identity
    )
    _run_batch(
        plan,
        head,
        options,
        worker_settings,
        executor,
        batch_size=batch_size,
        as_json=as_json,
        quiet=quiet,
    )


@app.command()
def status(
    folder: BatchFolder,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show how many takes are done, failed or missing, and why."""
    from lofigen_kit.batch.ledger import read_duration_s, read_head, read_last_records

    head = read_head(folder)
    total = len(head["points"]) * head["takes"]
    records = list(read_last_records(folder))
    done = [record for record in records if record["status"] == "done"]
    failed = [record for record in records if record["status"] != "done"]
    facts = {
        "jobs": total,
        "done": len(done),
        "failed": len(failed),
        "missing": max(total - len(done) - len(failed), 0),
        "sound_s": sum(read_duration_s(record) for record in done),
        "collapsed": sum(bool(record.get("findings")) for record in done),
        "failures": [{"take": r.get("take"), "error": r.get("error")} for r in failed],
    }
    rows = [
        ["done", f"{len(done)} of {total}, {facts['sound_s'] / 60:.1f} min of sound"],
        ["failed", str(len(failed))],
        ["missing", str(facts["missing"])],
        ["collapsed", str(facts["collapsed"])],
        *(
            [f"take {r.get('take')}", to_printable(str(r.get("error")))]
            for r in failed[:MAX_SHOWN_FAILURES]
        ),
    ]
    show(facts, align_columns(rows), as_json=as_json, quiet=quiet)


@app.command()
def retry(
    ctx: typer.Context,
    *,
    folder: BatchFolder,
    workers: Workers = None,
    batch_size: BatchSize = 8,
    cache: CacheOption = True,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render the failed and missing takes of a batch.

    They are rendered on this machine, by the plan in the folder.
    """
    from lofigen_kit.batch.ledger import HEAD, read_head
    from lofigen_kit.batch.plan import from_json
    from lofigen_kit.batch.worker import BatchOptions

    head = read_head(folder)
    plan = from_json(head, load_registry(ctx), where=folder / HEAD)
    options = BatchOptions.from_json(head["options"], where=folder / HEAD)
    executor = _make_executor("local", workers or os.cpu_count() or 1, ctx.obj)
    identity = _identity(plan, certificate, key) if sign else None
    worker_settings = _make_worker_settings(ctx.obj, folder, plan, cache=cache, identity=identity)
    _run_batch(
        plan,
        None,
        options,
        worker_settings,
        executor,
        batch_size=batch_size,
        as_json=as_json,
        quiet=quiet,
    )


def _make_executor(
    name: str,
    workers: int,
    settings: RootOptions,
    *,
    address: str | None = None,
    gpu: bool = False,
    tls: dict[str, str] | None = None,
    insecure: bool = False,
) -> BatchExecutor:
    from lofigen_kit.batch.executors import DaskExecutor, LocalExecutor, check_address

    if name == "local" and address is None:
        return LocalExecutor(workers, settings.plugin_dir)
    if name not in ("local", "dask"):
        raise InputError(
            f"there is no engine {name!r}", where="--engine", remedy="choose local or dask"
        )
    if address:
        check_address(address, insecure=insecure, certified=bool(tls))
    return DaskExecutor(workers, address, gpu=gpu, tls=tls)


def _identity(plan: BatchPlan, certificate: Path | None, key: Path | None) -> Identity:
    return load_signer(certificate, key, *{point.preset.output.format for point in plan.points})


def _make_worker_settings(
    settings: RootOptions,
    folder: Path,
    plan: BatchPlan,
    *,
    cache: bool,
    gpu: bool = False,
    identity: Identity | None = None,
) -> WorkerSettings:
    from lofigen_kit.batch.worker import WorkerSettings
    from lofigen_kit.render.cache import get_cache_dir

    return WorkerSettings(
        folder=folder.absolute(),
        root=plan.root and plan.root.absolute(),
        plugin_dir=settings.plugin_dir and settings.plugin_dir.absolute(),
        cache=get_cache_dir() if cache else None,
        device="cuda" if gpu else "cpu",
        identity=identity,
        is_strangers=any(point.preset.is_strangers for point in plan.points),
    )


def _run_batch(
    plan: BatchPlan,
    head: dict[str, Any] | None,
    options: BatchOptions,
    worker_settings: WorkerSettings,
    executor: BatchExecutor,
    *,
    batch_size: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Render the takes that are not done yet, and print the result."""
    from lofigen_kit.batch.ledger import Ledger
    from lofigen_kit.batch.scheduler import run_groups
    from lofigen_kit.batch.worker import TakeGroup, render_group
    from lofigen_kit.provenance.licences import CREDITS, format_credits
    from lofigen_kit.runtime.files import explain_write_errors, write_atomic

    folder = worker_settings.folder
    data = [point.data for point in plan.points]
    with Ledger(folder, head) as ledger:
        groups = (
            TakeGroup(
                data[jobs[0].point], jobs, plan.get_subfolder(jobs[0]), worker_settings, options
            )
            for jobs in plan.iterate_groups(batch_size, ledger.done)
        )
        with _open_record_display(ledger, len(plan), as_json=as_json, quiet=quiet) as report:
            try:
                run_groups(groups, executor, render_group, report)
            except KeyboardInterrupt:
                warn(f"{folder}: stopped; run the same command again to resume")
                raise
        with explain_write_errors(folder / CREDITS):
            write_atomic(folder / CREDITS, format_credits(ledger.read_records()).encode())
        if options.rank:
            _write_ranking(ledger)
        failed = len(ledger.failed)
        if not quiet and not as_json:
            typer.echo(f"{folder}: {len(ledger.done)} done, {failed} failed")
        if failed:
            raise typer.Exit(SOME_FAILED)


@contextmanager
def _open_record_display(
    ledger: Ledger, total: int, *, as_json: bool, quiet: bool
) -> Iterator[Callable[[Record], None]]:
    """Yield a function that stores a record and shows it: as JSON, in a bar, or not at all."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or as_json or not sys.stderr.isatty(),
    )
    task = bar.add_task("rendering", total=total, completed=len(ledger.done), pace="")

    def report(record: Record) -> None:
        ledger.append(record)
        if as_json:
            typer.echo(to_json(record))
        elif record["status"] != "done":
            warn(f"take {record['take']}: {record['error']}")
        speed = bar.tasks[0].speed
        pace = f"{3600 * speed:.0f} an hour" if speed else ""
        failed = len(ledger.failed)
        bar.update(
            task,
            completed=len(ledger.done) + failed,
            pace=pace,
            description=f"rendering, {failed} failed" if failed else "rendering",
        )

    with bar:
        yield report


def _write_ranking(ledger: Ledger) -> None:
    """Write `ranking.csv`, the best take first."""
    import csv
    import io

    from lofigen_kit.batch.ledger import RANKING
    from lofigen_kit.runtime.files import explain_write_errors, write_atomic

    ranked = [r for r in ledger.read_records() if isinstance(r.get("rank"), int | float)]
    ranked.sort(key=lambda record: -record["rank"])
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["rank", "collapsed", "path"])
    rows.writerows([r["rank"], len(r.get("findings") or ()), r.get("path")] for r in ranked)
    path = ledger.folder / RANKING
    with explain_write_errors(path):
        write_atomic(path, text.getvalue().encode())


def _check_plan_licences(plan: BatchPlan) -> None:
    """Check the licences of all settings before rendering; workers check each take again.

    Raises:
        InputError: if a licence forbids selling.
    """
    from lofigen_kit.provenance.licences import check_commercial
    from lofigen_kit.render.take import find_licences

    for point in plan.points:
        check_commercial(find_licences(point.preset))


def _estimate(
    plan: BatchPlan, registry: Registry, executor: BatchExecutor, folder: Path, *, as_json: bool
) -> None:
    """Print an estimate of a batch's time and disk space, from one take."""
    from lofigen_kit.batch.estimate import estimate

    one = estimate(plan, registry)
    room = next(p for p in folder.absolute().parents if p.is_dir())
    facts = {
        "takes": len(plan),
        "settings": len(plan.points),
        "sound_s": one.sound_s * len(plan),
        "seconds": one.seconds * len(plan) / executor.workers,
        "bytes": one.size_bytes * len(plan),
        "free_bytes": shutil.disk_usage(room).free,
    }
    rows = [
        ["takes", f"{len(plan)}: {plan.takes} of each of {len(plan.points)} settings"],
        ["sound", f"{facts['sound_s'] / 60:.1f} min"],
        ["time", f"about {_duration(facts['seconds'])} on {executor.workers} workers, or less: "
                 "takes that are generated side by side need less"],
        ["disk", f"about {facts['bytes'] / 1e6:.0f} MB of {facts['free_bytes'] / 1e6:.0f} MB free"],
        *([f"setting {n}", point.name] for n, point in enumerate(plan.points[:MAX_SHOWN_FAILURES])
          if point.name),
    ]  # fmt: skip
    show(facts, align_columns(rows), as_json=as_json)
    if facts["bytes"] > facts["free_bytes"]:
        warn(f"{room}: there is not enough space on the disk")


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
