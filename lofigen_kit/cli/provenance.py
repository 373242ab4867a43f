"""`verify` and `sign`: check the recipe and signature of files, and sign files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.common import (
    Force,
    Json,
    Quiet,
    align_columns,
    load_registry,
    progress_bar,
    show,
    to_printable,
    warn,
)
from lofigen_kit.cli.output import Certificate, Key, load_signer
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.provenance.c2pa import Credentials
    from lofigen_kit.provenance.replay import ReplayResult
    from lofigen_kit.provenance.verify import Verdict


class Evidence(StrEnum):
    """The kinds of evidence that a file can carry."""

    RECIPE = "recipe"
    SIGNATURE = "signature"


DOES_NOT_HOLD = 1
UNREADABLE = 2

_SOUND = {
    "unknown": "not checked: the recipe has no hash of the samples",
    "as recorded": "the samples match the recipe",
    "changed": "CHANGED: the samples do not match the recipe",
    "shorter": "SHORTER than the recipe says: the file broke off",
    "encoded": "not checked: the recipe's hash is from before the lossy encoding; use --replay, or "
    "a signature",
}


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command()(verify)
    root.command()(sign)


def verify(
    ctx: typer.Context,
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.")],
    replay: Annotated[
        bool, typer.Option("--replay", help="Also render the recipe again, and compare.")
    ] = False,
    trust: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Certificates of authorities that you trust."),
    ] = None,
    require: Annotated[
        list[Evidence] | None,
        typer.Option(help="Evidence that each file must carry; repeatable."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the recipe, samples and signature of audio files.

    Exit with 1 if a check fails, else with 2 if a file cannot be read or checked. A file without
    recipe and signature passes, unless --require demands them.
    """
    from lofigen_kit.provenance.verify import verify as verify_file

    registry = load_registry(ctx) if replay else None
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            with progress_bar(quiet=quiet or as_json) as progress:
                verdict = verify_file(
                    file,
                    anchors=trust,
                    required=require or (),
                    registry=registry,
                    threads=os.cpu_count() or 1,
                    progress=progress,
                )
        except InputError as error:  # the other files are checked too
            warn(str(error))
            results.append({"path": str(file), "holds": None, "error": str(error)})
            continue
        results.append({"path": str(file), "holds": verdict.holds, **asdict(verdict)})
        if not as_json and not quiet:
            show(None, _format_verdict(file, verdict), as_json=False)
    show(results, (), as_json=as_json)
    if any(result["holds"] is False for result in results):
        raise typer.Exit(DOES_NOT_HOLD)
    if any(result["holds"] is None or result["not_replayed"] for result in results):
        raise typer.Exit(UNREADABLE)


def _format_verdict(file: Path, verdict: Verdict) -> Iterator[str]:
    """Yield the lines on a file: the verdict, and the facts behind it."""
    yield f"{file}: {_summarise(verdict)}"
    rows = _recipe_rows(verdict.recipe)
    if verdict.recipe is not None:
        rows.append(["sound", _SOUND[verdict.sound]])
    rows += _signature_rows(verdict.credentials)
    if verdict.replay or verdict.not_replayed:
        rows += [["replay", line] for line in _replay_lines(verdict.replay, verdict.not_replayed)]
    yield from (f"  {line}" for line in align_columns(rows))


def _summarise(verdict: Verdict) -> str:
    if verdict.missing:
        return f"MISSING: the file has no {' and no '.join(verdict.missing)}"
    if not verdict.holds:
        return "NOT VALID"
    if verdict.recipe is None and verdict.credentials.state == "none":
        return "nothing to verify"
    return "valid: all checks passed"


def _recipe_rows(recipe: dict[str, Any] | None) -> list[list[str]]:
    if recipe is None:
        return [["recipe", "none"]]
    keys = ("disclosure", "licences", "versions", "command", "seed", "take", "network_sha256")
    return [
        [key.replace("_sha256", ""), to_printable(_format_fact(recipe[key]))]
        for key in keys
        if recipe.get(key) is not None
    ]


def _format_fact(fact: object) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {value}" for name, value in fact.items())
    return str(fact)


def _signature_rows(signed: Credentials) -> list[list[str]]:
    who = to_printable(signed.signer)
    rows = [["says", to_printable(action)] for action in signed.says]
    if signed.state == "trusted":
        status = f"valid, by {who}, certified by an authority that you trust"
    elif signed.state == "untrusted":
        status = f"valid, but the certificate is not trusted here; the name in it is {who}"
    elif signed.state == "broken":
        status = f"BROKEN: {to_printable('; '.join(signed.faults))}"
    else:
        status = "none"
    return [*rows, ["signature", status]]


def _replay_lines(again: ReplayResult | None, why_not: str) -> Iterator[str]:
    if again is None:
        yield f"not possible: {to_printable(why_not)}"
        return
    same = "bit-identical" if again.same else "DIFFERENT"
    yield f"{same} ({again.compared})"
    if again.changed_since:
        yield "CHANGED: the audio in the file is not what its recipe renders"
    if not again.same:
        yield from (to_printable(line) for line in again.differences)


def sign(
    *,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="WAV, FLAC or MP3 files with a recipe."),
    ] = None,
    certificate: Certificate = None,
    key: Key = None,
    new_certificate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Create a certificate and its key here, and stop."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The owner's name, which others will see; for --new-certificate."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sign audio files with Content Credentials (C2PA).

    Each file must carry its recipe, and its samples must match it. --force replaces a signature.
    """
    if new_certificate:
        _make_certificate(new_certificate, name, files, force=force, as_json=as_json, quiet=quiet)
        return
    if not files:
        raise InputError(
            "there are no files to sign", remedy="name files, or use --new-certificate DIR"
        )
    from lofigen_kit.provenance.c2pa import sign as sign_file
    from lofigen_kit.runtime.files import explain_write_errors

    identity = load_signer(certificate, key)
    comments = {file: _read_signable(file, force=force) for file in files}
    for file, comment in comments.items():
        with explain_write_errors(file):
            sign_file(file, identity, comment)
        if not quiet and not as_json:
            typer.echo(f"{file}: signed")
    show({"signed": [str(file) for file in files]}, (), as_json=as_json)


def _read_signable(file: Path, *, force: bool) -> str:
    """Return the recipe of a file that may be signed, exactly as it stands in the file.

    Raises:
        InputError: for a file without recipe, whose samples do not match it, or that is signed.
    """
    from lofigen_kit.audio.files import read_comment
    from lofigen_kit.provenance import c2pa, recipe
    from lofigen_kit.provenance.verify import compare

    facts = recipe.read(file)
    if facts is None:
        raise InputError(
            "the file has no recipe, so there is nothing to sign",
            where=file,
            remedy="render or process it with --sign",
        )
    faults = {
        "changed": "the samples do not match the recipe",
        "shorter": "it is shorter than the recipe says",
        "unknown": "the recipe has no hash of the samples, as in the output of `stream`",
    }
    if fault := faults.get(compare(file, facts)):
        raise InputError(fault, where=file, remedy="render it again")
    if not force and c2pa.read(file).state != "none":
        raise InputError(
            "the file is signed already", where=file, remedy="replace the signature with --force"
        )
    return read_comment(file) or ""


def _make_certificate(
    folder: Path,
    name: str | None,
    files: list[Path] | None,
    *,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Create a certificate, and print how to use it."""
    from lofigen_kit.provenance.c2pa import make_identity

    if files or not name:
        raise InputError(
            "a new certificate needs a name and no files",
            where="--new-certificate",
            remedy="give --name, and sign files in a second step",
        )
    identity = make_identity(folder, name, force=force)
    anchor = folder / "anchor.pem"
    lines = [
        f"{identity.certificate}  the certificate: LOFIGEN_C2PA_CERT",
        f"{identity.key}  its private key, keep it secret: LOFIGEN_C2PA_KEY",
        f"{anchor}  for people who trust you: verify --trust {anchor}",
        "No authority certifies it: its signatures are valid, but others do not trust them.",
    ]
    paths = {"certificate": identity.certificate, "key": identity.key, "anchor": anchor}
    show({k: str(path) for k, path in paths.items()}, lines, as_json=as_json, quiet=quiet)
