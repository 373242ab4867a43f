"""`AnyInstrument`: an instrument within a source, named by a string or a mapping."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from lofigen_kit.components.contracts import Instrument

if TYPE_CHECKING:
    from lofigen_kit.plugins.registry import Registry

ANY_INSTRUMENT_SCHEMA = {"type": ["string", "object"], "$comment": "any instrument"}
"""What stands for the schema of all instruments within a source."""


class _AnyInstrumentValidator:
    """Lets a source's instrument be any that is installed: `kit`, or `{use: kit, kit: jazz}`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate_instrument,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda instrument, info: instrument.model_dump(mode=info.mode), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(ANY_INSTRUMENT_SCHEMA)


AnyInstrument = Annotated[Instrument, _AnyInstrumentValidator()]


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


def _validate_instrument(data: Any, info: ValidationInfo) -> Instrument:
    if isinstance(data, Instrument):
        return data
    if isinstance(data, str):
        data = {"use": data}
    if not isinstance(data, dict):
        raise PydanticKnownError("model_type", {"class_name": "Instrument"})
    if "use" not in data:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "use"})
    registry: Registry = (info.context or {}).get("registry") or _load_installed()
    cls = cast("type[Instrument] | None", registry.classes("instrument").get(str(data["use"])))
    if cls is None:
        raise PydanticKnownError(
            "union_tag_invalid",
            {"discriminator": "use", "tag": str(data["use"]), "expected_tags": ""},
        )
    if info.mode == "json":  # to be as strict within as without
        return cls.model_validate_json(json.dumps(data), strict=True, context=info.context)
    return cls.model_validate(data, context=info.context)


@cache
def _load_installed() -> Registry:
    from lofigen_kit.plugins.loader import load_plugins

    return load_plugins()
