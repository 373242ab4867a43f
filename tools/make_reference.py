"""Writes docs/reference/: the commands, the components and what a plugin imports, from the code.

    python -m tools.make_reference

With `--check`, nothing is written, and the exit code is 1 where a page would change.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

import lofigen_kit.api.dsp  # noqa: F401 - a submodule has to be imported
from lofigen_kit import api
from lofigen_kit.cli import build_app
from lofigen_kit.cli.plugins import find_installed_commands
from lofigen_kit.components.parameters import read_description
from lofigen_kit.plugins import hookspecs
from lofigen_kit.plugins.loader import load_plugins
from tools.pages import Pages, format_parameters, list_builtin, run

MADE = "This page is made by `python -m tools.make_reference`."
KINDS = {
    "source": "Sources",
    "instrument": "Instruments",
    "model": "Models",
    "sampler": "Samplers",
}
_SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises):\n((?: {4}.*\n?|\n)*)", re.MULTILINE
)
_ENTRY = re.compile(r"^([\w*]+): (.*(?:\n+ {4,}.*)*)", re.MULTILINE)


def make_pages(docs: Path) -> Pages:
    """Return every page of a docs folder by its path."""
    parts = {
        "cli": describe_commands(),
        "components": describe_components(),
        "api": describe_interface(),
    }
    return {
        docs / "reference" / f"{name}.md": "\n\n".join([*page, MADE]) + "\n"
        for name, page in parts.items()
    }


def describe_commands() -> Iterator[str]:
    """Yield what is said of the command line."""
    root: Any = typer.main.get_command(build_app())
    for name in find_installed_commands():  # other people's, which happen to be on this machine
        del root.commands[name]
    yield "# The command line"
    yield from _describe_command(root, "lofigen-kit", 1)


def _describe_command(command: Any, path: str, level: int) -> Iterator[str]:
    """Yield what is said of a command, and of those below it."""
    ctx = typer.Context(command, info_name=path)
    if level > 1:
        yield f"{'#' * level} {path.removeprefix('lofigen-kit ')}"
    yield f"```text\n{' '.join([path, *command.collect_usage_pieces(ctx)])}\n```"
    if command.help:
        yield inspect.cleandoc(command.help)
    if records := [r for p in command.params if (r := p.get_help_record(ctx))]:
        lines = [(names, " ".join(told.split())) for names, told in records]
        yield "\n".join(f"- `{names}`" + (f": {told}" if told else "") for names, told in lines)
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _describe_command(below, f"{path} {name}", level + 1)


def describe_components() -> Iterator[str]:
    """Yield what is said of the sources, instruments, models and samplers of the kit."""
    registry = load_plugins()
    yield "# Sources, instruments, models and samplers"
    yield (
        "What a preset may name, and what each can be told. "
        "[The effects](../effects/README.md) have a page each, and "
        "[the instruments](../instruments/index.md) pictures and sounds."
    )
    for kind, title in KINDS.items():
        yield f"## {title}"
        for name, component in list_builtin(registry, kind).items():
            yield f"### {name}"
            yield read_description(component)
            yield format_parameters(component)


def describe_interface() -> Iterator[str]:
    """Yield what is said of the hooks, and of what a plugin imports."""
    yield "# What a plugin imports"
    yield "## Hooks"
    yield (hookspecs.__doc__ or "").strip()
    for name, hook in vars(hookspecs).items():
        if name.startswith("lofigen_"):
            yield f"### {name}"
            yield from _describe_routine(name, hook)
    for module in (api, api.dsp):
        yield from _describe_module(module)


def _describe_module(module: Any) -> Iterator[str]:
    """Yield what is said of a module, and of each of its names."""
    yield f"## {module.__name__}"
    yield inspect.cleandoc(module.__doc__ or "")
    homes = _find_homes(module)
    for name in module.__all__:
        yield f"### {name}"
        value = getattr(module, name)
        if not homes[name].startswith("lofigen_kit"):
            yield f"It is that of `{homes[name]}`."
        elif inspect.isclass(value):
            yield from _describe_class(name, value)
        elif inspect.isroutine(value):
            yield from _describe_routine(name, value)
        else:
            yield from _describe_constant(name, homes[name])


def _find_homes(module: Any) -> dict[str, str]:
    """Return the module from which another has each of its names."""
    tree = ast.parse(inspect.getsource(module))
    return {
        alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _describe_class(name: str, cls: type) -> Iterator[str]:
    """Yield a class: its fields as its source has them, its docstring, its public methods."""
    source = inspect.getsource(cls)
    node: Any = ast.parse(source).body[0]
    bases = ", ".join(
        base.__name__ for base in cls.__bases__ if base.__name__ in (*api.__all__, "Exception")
    )
    fields = [
        ast.get_source_segment(source, line) or ""
        for line in node.body
        if isinstance(line, ast.AnnAssign) and not ast.unparse(line.target).startswith("_")
    ]
    head = f"class {name}({bases})" if bases else f"class {name}"
    yield _format_code("\n    ".join([head + ":", *fields]) if fields else head)
    if text := vars(cls).get("__doc__"):
        yield _format_docstring(text)
    for method, what in vars(cls).items():
        if method.startswith("_"):
            continue
        if isinstance(what, property):
            yield f"`{method}`: {_format_docstring(what.__doc__ or '')}"
            continue
        called = getattr(what, "__func__", what)
        # pydantic puts methods of its own into a class.
        if inspect.isfunction(called) and called.__module__ == cls.__module__:
            yield f"`{method}{_format_signature(called)}`"
            yield _format_docstring(called.__doc__ or "")


def _describe_routine(name: str, routine: Callable[..., Any]) -> Iterator[str]:
    yield _format_code(f"{name}{_format_signature(routine)}")
    yield _format_docstring(routine.__doc__ or "")


def _describe_constant(name: str, home: str) -> Iterator[str]:
    """Yield an assignment as it stands, and the string below it."""
    source = inspect.getsource(sys.modules[home])
    body = ast.parse(source).body
    for line, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(line, ast.Assign | ast.AnnAssign):
            targets = line.targets if isinstance(line, ast.Assign) else [line.target]
            if name in {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}:
                yield _format_code(ast.get_source_segment(source, line) or "")
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    yield _format_docstring(str(after.value.value))


class _Bare:
    """An annotation that a signature shows as it is written."""

    def __init__(self, text: object) -> None:
        self._text = text

    def __repr__(self) -> str:
        return str(self._text)


def _format_signature(routine: Callable[..., Any]) -> str:
    """Return a signature with its annotations as they are written."""
    found = inspect.signature(routine)
    bare = [
        p if p.annotation is p.empty else p.replace(annotation=_Bare(p.annotation))
        for p in found.parameters.values()
    ]
    gives = found.return_annotation
    if gives is not found.empty:
        gives = _Bare(gives)
    return str(found.replace(parameters=bare, return_annotation=gives))


def _format_code(text: str) -> str:
    return f"```python\n{text}\n```"


def _format_docstring(docstring: str) -> str:
    """Return a docstring with its sections as lists."""

    def section(match: re.Match[str]) -> str:
        title, body = match.group(1), inspect.cleandoc(match.group(2))
        entries = [f"- `{name}`: {' '.join(text.split())}" for name, text in _ENTRY.findall(body)]
        told = "\n".join(entries) if entries else " ".join(body.split())
        return f"{title}:\n\n{told}\n\n"

    return _SECTION.sub(section, inspect.cleandoc(docstring)).strip()


if __name__ == "__main__":
    sys.exit(run(make_pages, about=__doc__))
