"""Create the package of a new plugin: complete, tested and small."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lofigen_kit.errors import InputError, PluginError
from lofigen_kit.runtime.version import installed_version

if TYPE_CHECKING:
    from lofigen_kit.plugins.registry import Registry

ComponentKind = Literal["effect", "source", "instrument", "model", "sampler"]

PREFIX = "lofigen-"
MAX_NAME_CHARS = 30
"""Longer names would make lines of the templates too long."""

_FILES = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    "LICENSE": "{licence}.txt.j2",
    ".gitignore": "gitignore.j2",
    "example.yaml": "example.yaml.j2",
    "src/{module}/__init__.py": "{kind}.py.j2",
    "src/{module}/py.typed": "",
    "tests/test_{module}.py": "{kind}_test.py.j2",
}
_SHORT_LICENCES = ("0BSD", "ISC")
_SPDX = re.compile(r"[A-Za-z0-9]+([.+-][A-Za-z0-9]+)*\+?")


def name_distribution(name: str) -> str:
    """Return the distribution of a component, such as `lofigen-tremolo` for `tremolo`."""
    return PREFIX + name.removeprefix(PREFIX)


def make_package(name: str, kind: ComponentKind, *, licence: str = "0BSD") -> dict[str, str]:
    """Return the files of a package that provides one component, by path.

    Args:
        name: The component's name, in kebab-case; the distribution has the prefix `lofigen-`.
        kind: The kind of component.
        licence: The SPDX identifier of the package's licence.

    Raises:
        InputError: for a name or licence that cannot be used.
    """
    from datetime import UTC, datetime

    from jinja2 import Environment, PackageLoader, StrictUndefined

    if not _SPDX.fullmatch(licence):
        raise InputError(
            f"{licence!r} is not an SPDX identifier",
            remedy="use one such as 0BSD or GPL-3.0-or-later",
        )
    distribution = name_distribution(name)
    name = name.removeprefix(PREFIX)
    facts = {
        "name": name,
        "cls": _class_name(name),
        "kind": kind,
        "article": "an" if kind in ("effect", "instrument") else "a",
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "licence": licence,
        "version": installed_version(),
        "year": datetime.now(UTC).year,
    }
    # Python and TOML, not HTML; every value has been checked.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("lofigen_kit.scaffold"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    short = {**facts, "licence": licence if licence in _SHORT_LICENCES else "other"}
    return {
        path.format(**facts): environment.get_template(f"plugin/{template.format(**short)}").render(
            facts
        )
        if template
        else ""
        for path, template in _FILES.items()
    }


def check_name(name: str, kind: ComponentKind, registry: Registry) -> None:
    """Check that no installed plugin or component has a name.

    Raises:
        PluginError: if the name is in use; the message says by what.
    """
    from importlib.metadata import PackageNotFoundError, version

    own = name.removeprefix(PREFIX)
    remedy = "choose another name"
    if own in registry.classes(kind):
        owner = registry.owner(kind, own)
        raise PluginError(f"{owner.distribution} already provides {kind} {own!r}", remedy=remedy)
    for plugin in registry.plugins:
        if plugin.name == own:
            raise PluginError(
                f"{plugin.distribution} already provides a plugin {own!r}", remedy=remedy
            )
    try:
        version(name_distribution(name))
    except PackageNotFoundError:
        return
    raise PluginError(f"{name_distribution(name)} is installed already", remedy=remedy)


def write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write a package's files into a folder, which may exist; return their paths.

    Raises:
        InputError: if one of the files exists already (then none is written), or the folder cannot
            be written.
    """
    paths = [folder / name for name in files]
    try:
        for path in paths:
            if path.exists() or path.is_symlink():
                raise InputError(
                    "the file is there already", where=path, remedy="name another folder with -o"
                )
        for path, text in zip(paths, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=folder) from None
    return paths


def _class_name(name: str) -> str:
    """Return the name of a component's class, such as `TapeStop` for `tape-stop`.

    Raises:
        InputError: for a name that is not kebab-case, too long, or used by Python or the toolkit.
    """
    from lofigen_kit import api
    from lofigen_kit.plugins.loader import NAME

    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is not kebab-case", remedy="write it like tape-stop")
    if len(name) > MAX_NAME_CHARS or name[0].isdigit():
        raise InputError(
            f"{name!r} cannot be used as a class name",
            remedy=f"begin with a letter, and use at most {MAX_NAME_CHARS} characters",
        )
    cls = "".join(word.capitalize() for word in name.split("-"))
    if keyword.iskeyword(cls) or cls in {"Literal", "ClassVar", "ContractSuite", *api.__all__}:
        raise InputError(
            f"the class of {name!r} would be {cls}, which is already in use",
            remedy="choose another name",
        )
    return cls
