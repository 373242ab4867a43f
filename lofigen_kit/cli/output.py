"""Where results go, and what is said about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.cli.common import warn
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.audio.files import Format
    from lofigen_kit.preset.schema import Preset
    from lofigen_kit.provenance.c2pa import Identity

Sign = Annotated[bool, typer.Option("--sign", help="Sign Content Credentials into each file.")]
Certificate = Annotated[
    Path | None,
    typer.Option(metavar="PEM", envvar="LOFIGEN_C2PA_CERT", help="The signer's certificate."),
]
Key = Annotated[
    Path | None, typer.Option(metavar="PEM", envvar="LOFIGEN_C2PA_KEY", help="The signer's key.")
]


@dataclass(frozen=True)
class Destination:
    """A folder in which files get names of their own, or one file.

    Attributes:
        path: The folder or file.
        is_file: Which of the two it is.
    """

    path: Path
    is_file: bool

    @classmethod
    def from_option(cls, option: Path | None, count: int) -> Destination:
        """Read `-o PATH`: what ends in an audio format's name is a file.

        Raises:
            InputError: for a format that cannot be written, or one file for several results.
        """
        if option is None or option.is_dir() or not option.suffix:
            return cls(option or Path(), is_file=False)
        if option.suffix.lower() not in AUDIO_SUFFIXES:
            raise InputError(
                f"{option.suffix} is no format that can be written",
                where=option,
                remedy=f"name it {', '.join(AUDIO_SUFFIXES)}; for a folder, make it first",
            )
        if count > 1:
            raise InputError(
                f"one file cannot hold {count} results", where=option, remedy="give -o a folder"
            )
        return cls(option, is_file=True)

    @property
    def overrides(self) -> list[str]:
        """What the file's name asks of the preset: its format."""
        return [f"output.format={self.path.suffix.lower()[1:]}"] if self.is_file else []

    def get_file(self, stem: str, preset: Preset) -> Path:
        """Return the file for a result of this name."""
        return self.path if self.is_file else self.path / f"{stem}.{preset.output.format}"


def load_signer(certificate: Path | None, key: Path | None, *formats: Format) -> Identity:
    """Return who signs, before anything slow is done.

    Args:
        certificate: As it was named, or in the environment.
        key: Likewise.
        formats: What is to be signed.

    Raises:
        InputError: if one of the two is missing, they do not go together, or a format holds no
            signature.
    """
    from lofigen_kit.provenance.c2pa import Identity

    if certificate is None or key is None:
        raise InputError(
            "signing needs a certificate and its key",
            remedy="name them with --certificate and --key, LOFIGEN_C2PA_CERT and "
            "LOFIGEN_C2PA_KEY, or make them with `sign --new-certificate DIR`",
        )
    identity = Identity(certificate.absolute(), key.absolute())
    identity.check(*formats)
    return identity


def report(path: Path, facts: dict[str, Any], *, quiet: bool) -> None:
    """Say that a file was written, and warn where its loudness is not the one asked for."""
    if facts["target_unreached"]:
        warn(f"{path}: {facts['target_unreached']}")
    if not quiet:
        typer.echo(f"{path}  {facts['duration_s']:.1f} s  {format_levels(facts)}")


def format_levels(facts: dict[str, Any]) -> str:
    """Return loudness and true peak for a person to read."""
    loudness, peak = facts["loudness_lufs"], facts["true_peak_dbtp"]
    if loudness is None or peak is None:
        return "silence"
    return f"{loudness:.1f} LUFS  {peak:.1f} dBTP"
