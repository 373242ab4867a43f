from __future__ import annotations

from typing import Literal

import pytest

from lofigen_kit.api import AudioBuffer, Context, Effect
from lofigen_kit.errors import PluginError
from lofigen_kit.plugins.registry import Registry, did_you_mean


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
