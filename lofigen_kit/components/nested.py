"""Components within components: a field that may be any that is installed, told apart by `use`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from lofigen_kit.components.base import Component

Part = TypeVar("Part", bound=Component)


class Installed(Protocol):
    """Where components are looked up: the registry of plugins."""

    def classes(self, kind: str) -> Mapping[str, type[Component]]:
        """Return the components of one kind by name."""


class AnyOf(Generic[Part]):
    """Annotates a field that may be any component of a kind, or a mapping with its `use`.

    The registry is that of the validation's context.

    Args:
        cls: The contract: `Effect`, `Instrument`.
        schema: What stands for it in the JSON Schema.
        load: Returns the registry where the context has none; without it, that is refused.
        names: Whether a name alone stands for a component at its defaults.
    """

    def __init__(
        self,
        cls: type[Part],
        schema: Mapping[str, Any],
        *,
        load: Callable[[], Installed] | None = None,
        names: bool = False,
    ) -> None:
        self._cls, self._schema, self._load, self._names = cls, schema, load, names

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda component, info: component.model_dump(mode=info.mode), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self._schema)

    def read(self, data: Any, info: ValidationInfo) -> Part:
        """Return the component that data stand for; raise pydantic's errors for what is none."""
        if isinstance(data, self._cls):
            return data
        if isinstance(data, str) and self._names:
            data = {"use": data}
        if not isinstance(data, dict):
            raise PydanticKnownError("model_type", {"class_name": self._cls.__name__})
        if "use" not in data:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "use"})
        name = str(data["use"])
        found = self._find_registry(info).classes(self._cls.kind).get(name)
        if found is None:
            raise PydanticKnownError(
                "union_tag_invalid", {"discriminator": "use", "tag": name, "expected_tags": ""}
            )
        cls = cast("type[Part]", found)
        if info.mode == "json":  # to be as strict within as without
            return cls.model_validate_json(json.dumps(data), strict=True, context=info.context)
        return cls.model_validate(data, context=info.context)

    def _find_registry(self, info: ValidationInfo) -> Installed:
        known: Installed | None = (info.context or {}).get("registry")
        if known is None and self._load is not None:
            known = self._load()
        if known is None:
            name = self._cls.__name__
            raise PydanticCustomError(
                "no_registry", f"give an {name}, or validate with a registry of plugins"
            )
        return known
