"""`AnyInstrument`: an instrument within a source, named by a string or a mapping."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from pydantic import ValidationInfo

from lofigen_kit.components.contracts import Instrument
from lofigen_kit.components.nested import AnyOf
from lofigen_kit.music.score import DRUM_PART

if TYPE_CHECKING:
    from lofigen_kit.plugins.registry import Registry

ANY_INSTRUMENT_SCHEMA = {"type": ["string", "object"], "$comment": "any instrument"}
"""What stands for the schema of all instruments within a source."""


@cache
def _load_installed() -> Registry:
    from lofigen_kit.plugins.loader import load_plugins

    return load_plugins()


_ANY = AnyOf(
    Instrument,  # type: ignore[type-abstract]
    ANY_INSTRUMENT_SCHEMA,
    load=_load_installed,
    names=True,
)
AnyInstrument = Annotated[Instrument, _ANY]
"""A field of a source that may be any instrument: `kit`, or `{use: kit, kit: jazz}`."""


def make_instrument(name: str, registry: Registry | None = None, **settings: object) -> Instrument:
    """Return an instrument.

    Args:
        name: Its name, `kit` for instance.
        registry: The components to choose from; by default all that are installed.
        settings: Values for its parameters; the others are at their defaults.

    Raises:
        PluginError: if no plugin provides it, naming the nearest.
    """
    cls = (registry or _load_installed()).find("instrument", name)
    return cast("Instrument", cls.model_validate({"use": name, **settings}))


def read_instrument(data: Any, info: ValidationInfo) -> Instrument:
    """Return what `AnyInstrument` accepts, for the validator of a field that may be more than that.

    Args:
        data: A name, a mapping or an instrument.
        info: What the validator was given.

    Raises:
        pydantic_core.PydanticKnownError: for what is no instrument, or for its fields.
    """
    return _ANY.read(data, info)


def find_kit(label: str) -> Instrument | None:
    """Return the installed instrument that is what a score calls its kit, or has such a kit."""
    for name, cls in _load_installed().classes("instrument").items():
        fields = cls.model_fields
        if not issubclass(cls, Instrument) or cls.part != DRUM_PART:
            continue
        if any(field.is_required() for field in fields.values()):
            continue
        if name == label:
            return cls.model_validate({"use": name})
        for field in fields:
            if field != "use" and label in get_args(fields[field].annotation):
                return cls.model_validate({"use": name, field: label})
    return None
