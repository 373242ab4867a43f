from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest

from lofigen_kit.api import AudioBuffer, Context, Effect, Source, Take
from lofigen_kit.errors import InputError, PluginError
from lofigen_kit.plugins.registry import Origin, Plugin, Registry, did_you_mean


class Plain(Effect):
    """Does nothing."""

    use: Literal["plain"] = "plain"

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio


def test_a_component_is_found_by_name() -> None:
    registry = Registry()
    registry.add("mine", [Plain])
    assert registry.find("effect", "plain") is Plain
    assert registry.classes("effect") == {"plain": Plain}
    assert registry.classes("source") == {}


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    registry = Registry()
    registry.add("mine", [Plain])
    with pytest.raises(PluginError, match="there is no effect 'plane'; did you mean 'plain'"):
        registry.find("effect", "plane")
    with pytest.raises(PluginError, match="there is no effect 'x'; see `lofigen-kit plugins list`"):
        registry.find("effect", "x")


def test_a_duplicate_is_an_error_that_names_both_plugins() -> None:
    registry = Registry()
    registry.add("mine", [Plain])
    with pytest.raises(PluginError, match=r"'plain' of plugin 'yours' is already .* by 'mine'"):
        registry.add("yours", [Plain])


def test_did_you_mean_stays_silent_when_nothing_is_near() -> None:
    assert did_you_mean("tape-hss", ["tape-hiss", "lowpass"]) == "did you mean 'tape-hiss'?"
    assert did_you_mean("qqq", ["tape-hiss"]) is None
    assert did_you_mean("qqq", ["tape-hiss"], otherwise="look") == "look"


class Tape(Source):
    """Plays a tape that a user names."""

    use: Literal["a-tape"] = "a-tape"
    file_parameter: ClassVar = "tape"
    tape: str

    def make_take(self, ctx: Context) -> Take:
        raise NotImplementedError


class Record(Tape):
    """Plays a record that a user names."""

    use: Literal["record"] = "record"  # type: ignore[assignment]


class Silence(Source):
    """Plays nothing that a user could name."""

    use: Literal["silence"] = "silence"

    def make_take(self, ctx: Context) -> Take:
        raise NotImplementedError


def with_sources(*sources: tuple[type[Source], Origin]) -> Registry:
    registry = Registry()
    for cls, origin in sources:
        registry.add(cls.name(), [cls])
        provides: dict[str, tuple[str, ...]] = {"source": (cls.name(),)}
        registry.plugins.append(Plugin(cls.name(), "1", "here", origin, "loaded", provides))
    return registry


def test_a_file_is_played_by_a_source_that_says_so_built_in_ones_first() -> None:
    registry = with_sources((Silence, "builtin"), (Tape, "package"))
    assert registry.make_file_source(Path("b.wav")) == Tape(tape=str(Path("b.wav").absolute()))
    both = with_sources((Silence, "builtin"), (Tape, "package"), (Record, "builtin"))
    assert isinstance(both.make_file_source(Path("b.wav")), Record)


class Roll(Tape):
    """Plays a piano roll, and knows one by its hole."""

    use: Literal["roll"] = "roll"  # type: ignore[assignment]
    file_suffixes: ClassVar[tuple[str, ...]] = (".roll", ".rol")

    @classmethod
    def reads_file(cls, path: Path) -> bool:
        return path.read_bytes().startswith(b"hole")


class Disc(Roll):
    """Plays a disc with holes, and knows one by them too."""

    use: Literal["disc"] = "disc"  # type: ignore[assignment]
    file_suffixes: ClassVar = (".disc",)


def test_a_file_goes_to_the_source_of_its_suffix_then_of_its_content(tmp_path: Path) -> None:
    plays = with_sources((Roll, "package"), (Disc, "builtin"))
    (with_hole := tmp_path / "song.bin").write_bytes(b"hole ...")
    (plain := tmp_path / "song.txt").write_bytes(b"plain")
    assert plays.find_file_source(Path("nowhere/A.ROL")) is Roll
    assert plays.find_file_source(Path("a.disc")) is Disc
    assert plays.find_file_source(with_hole) is Disc  # the built-in one
    with pytest.raises(InputError, match=r"no source plays .*; name one of .disc, .rol, .roll$"):
        plays.find_file_source(plain)
    with pytest.raises(InputError, match="there is no such file"):
        plays.find_file_source(tmp_path / "nowhere.bin")
    with pytest.raises(InputError, match="no source plays such a file"):
        plays.find_file_source(tmp_path)
    any_file = with_sources((Roll, "builtin"), (Tape, "package"))
    assert any_file.find_file_source(plain) is Tape
    assert any_file.find_file_source(with_hole) is Roll
    assert any_file.make_file_source(plain, like=Path("a.roll")) == Roll(tape=str(plain))


def test_without_a_source_that_plays_files_the_remedy_is_named() -> None:
    with pytest.raises(PluginError, match="no source that is installed plays a file; enable or"):
        with_sources((Silence, "builtin")).make_file_source(Path("b.wav"))
