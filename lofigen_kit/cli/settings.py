"""Options that are made from the fields of a command's settings: type, description, default.

The fields are looked at only where the command itself is run or asked for help, so that the other
commands start without them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from lofigen_kit.preset.yaml_loader import Document

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.yaml", help="Read settings from a YAML file."),
]
SettingOverrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: steps=2000."),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print all settings as YAML, for --config, and stop."),
]
_GIVEN = "lofigen_kit.cli.settings"


@dataclass(frozen=True)
class SettingOptions:
    """Which options a command has for its settings.

    Attributes:
        load: Returns the default settings, by the case in which they hold: `{"": ...}` are those
            that hold in general.
        shown: The field of each option that the help lists.
        hidden: The field of each option that still works and is not listed any more.
    """

    load: Callable[[], Mapping[str, Any]]
    shown: Mapping[str, str]
    hidden: Mapping[str, str] = field(default_factory=dict)


def make_command_type(options: SettingOptions) -> type[TyperCommand]:
    """Return a kind of command that has options for its settings besides those of its function.

    The function asks for what was given with `collect`.
    """

    class SettingsCommand(TyperCommand):
        _params: list[Any]
        _is_complete: bool

        @property
        def params(self) -> list[Any]:
            if not self._is_complete:
                self._is_complete = True
                self._params += _make_parameters(options)
            return self._params

        @params.setter
        def params(self, params: list[Any]) -> None:
            self._params, self._is_complete = params, False

        def invoke(self, ctx: Any) -> Any:
            flags = {name: flag for flag, name in {**options.shown, **options.hidden}.items()}
            values = {name: ctx.params.pop(name) for name in flags}
            ctx.meta[_GIVEN] = {
                name: (flags[name].partition("/")[0], value)
                for name, value in values.items()
                if value is not None
            }
            return super().invoke(ctx)

    return SettingsCommand


def collect(
    ctx: typer.Context,
    file: Path | None,
    overrides: Sequence[str] | None,
    aliases: Mapping[str, str] | None = None,
) -> Document:
    """Return the settings that were given: by the file, over that by `--set`, then by options."""
    from lofigen_kit.preset.settings import collect_settings

    return collect_settings(
        file=file, overrides=overrides or (), options=ctx.meta[_GIVEN], aliases=aliases
    )


def _make_parameters(options: SettingOptions) -> list[Any]:
    """Return the options as Typer makes them of a function's parameters."""
    from lofigen_kit.components.base import read_attribute_docs
    from lofigen_kit.preset.settings import get_fields

    cases = options.load()
    cls = type(cases[""])
    fields, docs = get_fields(cls), read_attribute_docs(cls)

    def make(flag: str, name: str, *, hidden: bool) -> inspect.Parameter:
        sentence = f"{docs[name].partition('. ')[0].removesuffix('.')}."
        text = f"{sentence} {_describe_default(name, cases)}".rstrip()
        option = typer.Option(flag, help=text, hidden=hidden, show_default=False)
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_get_value_type(fields[name].annotation) | None, option],
        )

    def command(**_: Any) -> None: ...

    shown = [make(flag, name, hidden=False) for flag, name in options.shown.items()]
    hidden = [make(flag, name, hidden=True) for flag, name in options.hidden.items()]
    command.__signature__ = inspect.Signature([*shown, *hidden])  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command()(command)
    names = {*options.shown.values(), *options.hidden.values()}
    return [made for made in typer.main.get_command(app).params if made.name in names]


def _get_value_type(annotation: Any) -> Any:
    """Return the type of an option, which may always be left out: `str` for `str | None`."""
    if isinstance(annotation, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation


def _describe_default(name: str, cases: Mapping[str, Any]) -> str:
    """Return `[default: 8; mse: 128]` for a field whose default depends on the case."""
    values = {case: getattr(settings, name) for case, settings in cases.items()}
    usual = values.pop("")
    if usual is None:
        return ""
    others = [f"; {case}: {_format(v)}" for case, v in values.items() if v not in (usual, case)]
    return f"[default: {_format(usual)}{''.join(others)}]"


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
