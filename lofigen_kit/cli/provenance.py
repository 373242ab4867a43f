"""`verify` and `sign`: where a file came from, and who says so."""

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
    """What a file can carry."""

    RECIPE = "recipe"
    SIGNATURE = "signature"


DOES_NOT_HOLD = 1
UNREADABLE = 2

_SOUND = {
    "unknown": "nothing says what it should be",
    "as recorded": "the samples are those of the recipe",
    "changed": "CHANGED: the samples are not those of the recipe",
    "encoded": "the recipe knows it before its lossy encoding: --replay or a signature can tell",
}


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command()(verify)
    root.command()(sign)


def verify(
    ctx: typer.Context,
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    replay: Annotated[
        bool, typer.Option("--replay", help="Render the recipe again, and compare.")
    ] = False,
    trust: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Certificates that you trust to vouch for signers."),
    ] = None,
    require: Annotated[list[Evidence] | None, typer.Option(help="What a file must carry.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what files carry, and whether it holds: sound, recipe, signature.

    Exit with 1 if anything does not hold, else with 2 if anything could not be read or checked. A
    file that carries nothing passes, unless --require says what it must.
    """
    from lofigen_kit.provenance.verify import verify as verified

    registry = load_registry(ctx) if replay else None
    results: list[dict[str, Any]] = []
    for file in files:
        try:
            with progress_bar(quiet=quiet or as_json) as progress:
                found = verified(
                    file,
                    anchors=trust,
                    required=require or (),
                    registry=registry,
                    threads=os.cpu_count() or 1,
                    progress=progress,
                )
        except InputError as error:  # every file is looked at, so errors are results here
            warn(str(error))
            results.append({"path": str(file), "holds": None, "error": str(error)})
            continue
        results.append({"path": str(file), "holds": found.holds, **asdict(found)})
        if not as_json and not quiet:
            show(None, _block(file, found), as_json=False)
    show(results, (), as_json=as_json)
    if any(result["holds"] is False for result in results):
        raise typer.Exit(DOES_NOT_HOLD)
    if any(result["holds"] is None or result["not_replayed"] for result in results):
        raise typer.Exit(UNREADABLE)


def _block(file: Path, found: Verdict) -> Iterator[str]:
    """Yield what is said of a file: the verdict, and what it rests on."""
    yield f"{file}: {_verdict(found)}"
    rows = _recipe_rows(found.recipe)
    if found.recipe is not None:
        rows.append(["sound", _SOUND[found.sound]])
    rows += _signature_rows(found.credentials)
    if found.replay or found.not_replayed:
        rows += [["replay", line] for line in _replay_lines(found.replay, found.not_replayed)]
    yield from (f"  {line}" for line in align_columns(rows))


def _verdict(found: Verdict) -> str:
    if found.missing:
        return f"MISSING: it carries no {' and no '.join(found.missing)}"
    if not found.holds:
        return "DOES NOT HOLD"
    if found.recipe is None and found.credentials.state == "none":
        return "it carries nothing to verify"
    return "all that can be checked holds"


def _recipe_rows(made: dict[str, Any] | None) -> list[list[str]]:
    if made is None:
        return [["recipe", "none"]]
    keys = ("disclosure", "licences", "versions", "command", "seed", "take", "network_sha256")
    told = [[key.replace("_sha256", ""), made[key]] for key in keys if made.get(key) is not None]
    return [[name, to_printable(_plain(fact))] for name, fact in told]


def _plain(fact: object) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {value}" for name, value in fact.items())
    return str(fact)


def _signature_rows(signed: Credentials) -> list[list[str]]:
    who = to_printable(signed.signer)
    rows = [["says", to_printable(deed)] for deed in signed.says]
    if signed.state == "trusted":
        told = f"valid, by {who}, for whom a certificate vouches that you trust"
    elif signed.state == "untrusted":
        told = f"valid, by a certificate that nobody here vouches for: it gives the name {who}"
    elif signed.state == "broken":
        told = f"BROKEN: {to_printable('; '.join(signed.faults))}"
    else:
        told = "none"
    return [*rows, ["signature", told]]


def _replay_lines(again: ReplayResult | None, why_not: str) -> Iterator[str]:
    if again is None:
        yield f"not possible: {to_printable(why_not)}"
        return
    same = "the same, bit for bit" if again.same else "NOT THE SAME"
    yield f"{same} ({again.compared})"
    if again.changed_since:
        yield "CHANGED: the file does not hold what its recipe gives"
    if not again.same:
        yield from (to_printable(line) for line in again.differences)


def sign(
    *,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE...]")] = None,
    certificate: Certificate = None,
    key: Key = None,
    new_certificate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Make a certificate and its key in here, and stop."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Whose --new-certificate is: a name that others will see.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sign Content Credentials (C2PA) into files that carry their recipe: WAV, FLAC and MP3.

    A file that is not what its recipe says is not signed. --force signs what is signed anew.
    """
    if new_certificate:
        _make(new_certificate, name, files, force=force, as_json=as_json, quiet=quiet)
        return
    if not files:
        raise InputError("there is nothing to sign", remedy="name files, or --new-certificate DIR")
    from lofigen_kit.provenance.c2pa import sign as signed
    from lofigen_kit.runtime.files import explain_write_errors

    identity = load_signer(certificate, key)
    comments = {file: _may_sign(file, force=force) for file in files}
    for file, comment in comments.items():
        with explain_write_errors(file):
            signed(file, identity, comment)
        if not quiet and not as_json:
            typer.echo(f"{file}: signed")
    show({"signed": [str(file) for file in files]}, (), as_json=as_json)


def _may_sign(file: Path, *, force: bool) -> str:
    """Return a file's recipe as it stands in it.

    Raises:
        InputError: for a file that nothing is known of, that is another by now, or is signed.
    """
    from lofigen_kit.audio.files import read_comment
    from lofigen_kit.provenance import c2pa, recipe
    from lofigen_kit.provenance.verify import compare

    facts = recipe.read(file)
    if facts is None:
        raise InputError(
            "it carries no recipe, so nothing is known that could be signed",
            where=file,
            remedy="render or process it with --sign",
        )
    faults = {
        "changed": "its samples are not those of its recipe",
        "unknown": "its recipe does not say which its samples are, as a stream's does not",
    }
    if fault := faults.get(compare(file, facts)):
        raise InputError(fault, where=file, remedy="render it again")
    if not force and c2pa.read(file).state != "none":
        raise InputError("it is signed already", where=file, remedy="sign it anew with --force")
    return read_comment(file) or ""


def _make(
    folder: Path,
    name: str | None,
    files: list[Path] | None,
    *,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a certificate, and say what it is worth."""
    from lofigen_kit.provenance.c2pa import make_identity

    if files or not name:
        raise InputError(
            "a new certificate needs a name and no files",
            where="--new-certificate",
            remedy="give it a --name, and sign in a second step",
        )
    identity = make_identity(folder, name, force=force)
    anchor = folder / "anchor.pem"
    lines = [
        f"{identity.certificate}  to sign with: LOFIGEN_C2PA_CERT",
        f"{identity.key}  its key, for your eyes alone: LOFIGEN_C2PA_KEY",
        f"{anchor}  for those who trust you: verify --trust {anchor}",
        "Nobody else vouches for it: what it signs is valid, and untrusted by others.",
    ]
    made = {"certificate": identity.certificate, "key": identity.key, "anchor": anchor}
    show({k: str(path) for k, path in made.items()}, lines, as_json=as_json, quiet=quiet)
