from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lofigen_kit.errors import InputError, PluginError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.scaffold import package

Run = Callable[..., tuple[int, str, str]]


def test_a_name_becomes_distribution_module_and_class() -> None:
    files = package.make_package("tape-stop", "effect")
    module = files["src/lofigen_tape_stop/__init__.py"]
    assert "class TapeStop(BlockEffect):" in module
    assert 'use: Literal["tape-stop"] = "tape-stop"' in module
    assert 'name = "lofigen-tape-stop"' in files["pyproject.toml"]
    assert 'tape-stop = "lofigen_tape_stop"' in files["pyproject.toml"]
    assert package.make_package("lofigen-tape-stop", "effect") == files


@pytest.mark.parametrize(
    ("licence", "text"),
    [
        ("0BSD", "is hereby granted.\n"),
        ("ISC", "provided that the above copyright notice"),
        ("GPL-3.0-or-later", "SPDX-License-Identifier: GPL-3.0-or-later\n"),
    ],
)
def test_a_licence_is_named_and_its_text_is_there(licence: str, text: str) -> None:
    files = package.make_package("tape-stop", "effect", licence=licence)
    assert f'license = "{licence}"' in files["pyproject.toml"]
    assert text in files["LICENSE"]
    assert "lofigen-tape-stop" in files["LICENSE"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Tape Stop", "'Tape Stop' is not kebab-case; write it like tape-stop"),
        ("../tape", "is not kebab-case"),
        ("8-bit", "cannot be used as a class name; begin with a letter"),
        ("a" * 31, "and use at most 30 characters"),
        ("none", "the class of 'none' would be None"),
        ("block-effect", "would be BlockEffect, which is already in use"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        package.make_package(name, "effect")


def test_what_is_no_licence_is_refused() -> None:
    with pytest.raises(InputError, match="is not an SPDX identifier; use one such as 0BSD"):
        package.make_package("tape-stop", "effect", licence='x"\nevil = "')


def test_a_name_that_is_taken_is_refused(registry: Registry) -> None:
    with pytest.raises(PluginError, match="lofigen-kit already provides effect 'lowpass'"):
        package.check_name("lowpass", "effect", registry)
    with pytest.raises(PluginError, match="lofigen-kit already provides a plugin 'lowpass'"):
        package.check_name("lofigen-lowpass", "source", registry)
    with pytest.raises(PluginError, match="lofigen-kit already provides a plugin 'kit'"):
        package.check_name("kit", "source", registry)
    package.check_name("tape-stop", "effect", registry)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("mine")
    with pytest.raises(InputError, match="two: the file is there already; name another folder"):
        package.write(tmp_path, {"one": "1", "two": "2"})
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert (tmp_path / "two").read_text() == "mine"


def test_the_command_says_what_it_wrote_and_what_to_do(run: Run) -> None:
    code, out, err = run("plugins", "new", "tape-stop", "--kind", "effect")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "lofigen-tape-stop/pyproject.toml"
    assert out.splitlines()[-1].startswith("pip install -e 'lofigen-tape-stop[dev]'")
    code, _, err = run("plugins", "new", "tape-stop", "--kind", "effect")
    assert code == 2
    assert "lofigen-tape-stop/pyproject.toml: the file is there already" in err
    assert run("plugins", "new", "tape-stop", "--kind", "effect", "-o", "other", "-q")[0] == 0
    assert Path("other/src/lofigen_tape_stop/py.typed").exists()
