"""Find, read, override and validate presets.

Every error is a `PresetError` with file, line, column and field, what is wrong and what to do.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
)
from pydantic import model_validator as validator
from pydantic_core import core_schema

from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect, Instrument, Model, Sampler, Source
from lofigen_kit.effects.effect import ANY_EFFECT_SCHEMA
from lofigen_kit.effects.strip import Strip, complete_settings, default_strip
from lofigen_kit.errors import PresetError
from lofigen_kit.music.score import COMMON_PARTS, PartName
from lofigen_kit.plugins.any_instrument import ANY_INSTRUMENT_SCHEMA
from lofigen_kit.plugins.registry import Registry, did_you_mean
from lofigen_kit.preset import yaml_loader
from lofigen_kit.preset.errors import explain
from lofigen_kit.preset.mixed_parts import check_mixed_parts
from lofigen_kit.preset.overrides import parse_override, replace_data
from lofigen_kit.preset.yaml_loader import Document, Keys
from lofigen_kit.runtime import resources
from lofigen_kit.runtime.seeding import MAX_SEED, rng_for

if TYPE_CHECKING:
    from pydantic.annotated_handlers import GetCoreSchemaHandler

MAX_EFFECTS = 64
MAX_PARTS = 32
SUFFIXES = (".yaml", ".yml")
OVERRIDE_EXAMPLE = "write `effects.wow-flutter.wow_depth_pct=0.8` or `seed=3`"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Master(_Part):
    """Mastering: loudness, true peak and fades of the result.

    Attributes:
        loudness_lufs: Target integrated loudness, -40 to -6 LUFS.
        true_peak_dbtp: Maximum true peak, -12 to 0 dBTP.
        fade_in_ms: Length of the fade-in, 0 to 60000 ms; a loop has no fades.
        fade_out_ms: Length of the fade-out, 0 to 60000 ms.
    """

    loudness_lufs: float = Field(default=-14.0, ge=-40, le=-6)
    true_peak_dbtp: float = Field(default=-1.0, ge=-12, le=0)
    fade_in_ms: float = Field(default=0.0, ge=0, le=60_000)
    fade_out_ms: float = Field(default=0.0, ge=0, le=60_000)

    @property
    def has_fades(self) -> bool:
        """Whether there is any fade."""
        return self.fade_in_ms > 0 or self.fade_out_ms > 0


class Output(_Part):
    """The file to write.

    Attributes:
        format: `wav`, `flac`, `ogg` or `mp3`.
        sample_rate_hz: 44100 or 48000.
        bit_depth: 16, 24, or 32 (float, only WAV). OGG and MP3 ignore it.
        loop: Whether the file is a seamless loop where the source is one; if not, it has an end.
        midi: Whether the score is also written as MIDI.
        tail: `auto` keeps the tail of the effects after the end of a piece that does not loop,
            until it is silent; `none` cuts it off.
    """

    format: Literal["wav", "flac", "ogg", "mp3"] = "wav"
    sample_rate_hz: Literal[44100, 48000] = 44100
    bit_depth: Literal[16, 24, 32] = 24
    loop: bool = True
    midi: bool = False
    tail: Literal["auto", "none"] = "auto"

    @validator(mode="after")
    def _check_bit_depth(self) -> Self:
        if self.format == "flac" and self.bit_depth == 32:
            raise ValueError("FLAC holds 16 or 24 bits, not 32")
        return self


def _offer_common_parts(schema: dict[str, Any]) -> None:
    """Name the parts that most songs have, so that editors complete them."""
    [strip] = schema["patternProperties"].values()
    schema["properties"] = dict.fromkeys(COMMON_PARTS, strip)


class Preset(_Part):
    """One chain: source, network, sampler, effects, mastering and output.

    Attributes:
        version: The version of this format: 1.
        name: The preset's name, for lists and file names.
        description: One line of text.
        seed: The seed of all random numbers, 0 to 2**64 - 1.
        source: The source of the score and of the audio that primes the network.
        model: The network; without one, the effects process the source's own audio.
        sampler: How samples are drawn from the network's distribution; required with a model, and
            only then.
        dry_mix: The level of the source's own audio in the mix with the network's, 0 to 1.
        mixer: How each part stands in the mix, by its name: drums, bass, keys, lead. What is left
            out has a default by the part's name. It is for networks that play parts, and for
            sources with parts where no network plays.
        effects: The effects in their order, at most 64.
        master: Loudness, true peak and fades.
        output: Format, sample rate and bit depth of the file.
    """

    # `Literal[1]` would accept `true`.
    version: int = Field(ge=1, le=1, json_schema_extra={"const": 1})
    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=1000)
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    source: Source
    model: Model | None = None
    sampler: Sampler | None = None
    dry_mix: float = Field(default=0.0, ge=0, le=1)
    mixer: dict[PartName, Strip] = Field(
        default={}, max_length=MAX_PARTS, json_schema_extra=_offer_common_parts
    )
    effects: tuple[Effect, ...] = Field(default=(), max_length=MAX_EFFECTS)
    master: Master = Master()
    output: Output = Output()

    _root: Path | None = PrivateAttr(default=None)
    _source_root: Path | None = PrivateAttr(default=None)
    _is_strangers: bool = PrivateAttr(default=False)

    @field_validator("mixer", mode="before")
    @classmethod
    def _complete_strips(cls, mixer: Any) -> Any:
        if not isinstance(mixer, dict):
            return mixer
        return {
            part: complete_settings(str(part), strip) if isinstance(strip, dict) else strip
            for part, strip in mixer.items()
        }

    def find_strip(self, part: str) -> Strip:
        """Return how a part stands in the mix."""
        return self.mixer.get(part) or default_strip(part)

    @property
    def root(self) -> Path | None:
        """The folder that must contain the preset's files; None for a preset made in Python."""
        return self._root

    @property
    def source_root(self) -> Path | None:
        """The folder that must contain the source's file; None if the user named the source."""
        return self._source_root

    @property
    def is_strangers(self) -> bool:
        """Whether it comes from a rendered file or a kept plan, which a stranger may have made."""
        return self._is_strangers

    def with_source(self, source: Source) -> Preset:
        """Return the preset with a source that the user named, whose file may be anywhere."""
        copy = self.model_copy(update={"source": source})
        copy._source_root = None  # noqa: SLF001 - its own class
        return copy

    def model_post_init(self, context: Any) -> None:
        """Set the root folder, and whose preset it is, from the validation context."""
        self._root = self._source_root = (context or {}).get("root")
        self._is_strangers = (context or {}).get("is_strangers", False)

    def make_source_context(self, take: int = 0, *, device: str = "cpu") -> Context:
        """Return what the source is given for a take."""
        rng = rng_for(self.seed, take, "source")
        return Context(rng=rng, device=device, root=self.source_root)

    def without_model(self) -> Preset:
        """Return the preset without model and sampler, to process audio."""
        return self.model_copy(update={"model": None, "sampler": None})

    @validator(mode="after")
    def _check_sampler_given(self) -> Self:
        if self.model is not None and self.sampler is None:
            raise ValueError("a model needs a sampler: add `sampler: {use: narrowed}`")
        if self.sampler is not None and self.model is None:
            raise ValueError("a sampler needs a model: leave both out to process the source")
        return self


class _ComponentChoice:
    """A union of all components of one kind, chosen by `use`."""

    def __init__(self, registry: Registry, kind: str) -> None:
        self._classes = registry.classes(kind)

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        choices = {name: handler(cls) for name, cls in self._classes.items()}
        if not choices:  # all plugins of the kind are disabled; pydantic needs at least one choice
            choices[""] = core_schema.none_schema()
        return core_schema.tagged_union_schema(choices, discriminator="use")


def make_preset_type(registry: Registry) -> type[Preset]:
    """Return a subclass of `Preset` that accepts the installed components."""
    one_of = {
        kind: _ComponentChoice(registry, kind) for kind in ("source", "model", "sampler", "effect")
    }
    effects = tuple[Annotated[Effect, one_of["effect"]], ...]
    narrowed: dict[str, Any] = {
        "source": (Annotated[Source, one_of["source"]], ...),
        "model": (Annotated[Model, one_of["model"]] | None, None),
        "sampler": (Annotated[Sampler, one_of["sampler"]] | None, None),
        "effects": (effects, Field(default=(), max_length=MAX_EFFECTS)),
    }
    return create_model("Preset", __base__=Preset, __doc__=Preset.__doc__, **narrowed)


def make_json_schema(registry: Registry) -> dict[str, Any]:
    """Return the JSON Schema of presets, for editors that complete and check YAML."""
    schema = make_preset_type(registry).model_json_schema(mode="validation")
    # Effects nested in an effect may be any effect: a reference to the list's items says so.
    resolve_nested = partial(
        _replace_everywhere, old=ANY_EFFECT_SCHEMA, new={"$ref": "#/properties/effects/items"}
    )
    schema = _replace_everywhere(
        resolve_nested(schema), old=ANY_INSTRUMENT_SCHEMA, new={"$ref": "#/$defs/AnyInstrument"}
    )
    schema["$defs"] |= _make_instrument_schemas(registry)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _make_instrument_schemas(registry: Registry) -> dict[str, Any]:
    """Return the schema of any instrument, a name or a mapping, and of those that it may be."""
    instruments = registry.classes("instrument")
    one: Any = Annotated[Instrument, _ComponentChoice(registry, "instrument")]
    mapping = TypeAdapter(one).json_schema(mode="validation")
    definitions = mapping.pop("$defs", {})
    complete = [
        name
        for name, cls in instruments.items()
        if not any(field.is_required() for field in cls.model_fields.values())
    ]
    names = {"enum": complete, "title": "An instrument as it is without settings"}
    return {**definitions, "AnyInstrument": {"anyOf": [names, mapping]}}


def _replace_everywhere(data: Any, *, old: Any, new: Any) -> Any:
    """Return a copy of data in which each value equal to `old` is replaced by `new`."""
    if data == old:
        return new
    if isinstance(data, dict):
        return {key: _replace_everywhere(value, old=old, new=new) for key, value in data.items()}
    if isinstance(data, list):
        return [_replace_everywhere(item, old=old, new=new) for item in data]
    return data


def find_preset(preset: str | Path) -> Path:
    """Return the file of a preset given by path or by name, with or without `.yaml`.

    The current directory is searched first, then the user's preset folder, then the bundled one.

    Raises:
        PresetError: if there is none; the message suggests the nearest name.
    """
    given = str(preset)
    folders = [Path()]
    if Path(given).name == given:
        folders += _preset_folders()
    for folder in folders:
        for suffix in ("", *SUFFIXES):
            path = folder / (given + suffix)
            if os.path.isfile(path):  # noqa: PTH113 - pathlib raises for too long a name
                return path
    remedy = did_you_mean(
        Path(given).stem, list_presets(), otherwise="see `lofigen-kit chain list`"
    )
    raise PresetError("there is no such preset", where=given, remedy=remedy)


def list_presets() -> dict[str, Path]:
    """Return the presets by name; the user's replace bundled ones of the same name."""
    found: dict[str, Path] = {}
    for folder in _preset_folders():
        for path in sorted(p for p in folder.glob("*") if p.suffix in SUFFIXES):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def load_preset(
    preset: str | Path, *, registry: Registry | None = None, overrides: Sequence[str] = ()
) -> Preset:
    """Find, read, override and validate a preset.

    Args:
        preset: A path or a name; see `find_preset`.
        registry: The components to choose from; by default all that are installed.
        overrides: `KEY=VALUE` texts: `seed=3`, `effects.wow-flutter.wow_depth_pct=0.8`.

    Raises:
        PresetError: for anything that is not a valid preset.
    """
    path = find_preset(preset)
    document = yaml_loader.load_file(path)
    return parse_preset(document, root=path.parent, registry=registry, overrides=overrides)


def parse_preset(
    document: Document,
    *,
    root: Path | None,
    registry: Registry | None = None,
    overrides: Sequence[str] = (),
    named: list[str] | None = None,
    is_strangers: bool = False,
) -> Preset:
    """Validate a document into a preset; see `load_preset`.

    Args:
        document: Plain data with places.
        root: The folder that must contain the preset's files.
        registry: The components to choose from; by default all that are installed.
        overrides: `KEY=VALUE` texts.
        named: Takes the files that the preset names.
        is_strangers: Whether it comes from a file that a stranger may have made.
    """
    if registry is None:
        from lofigen_kit.plugins.loader import load_plugins

        registry = load_plugins()
    if not isinstance(document.data, dict):
        raise PresetError(
            "a preset is a mapping of fields",
            where=document.place(()),
            remedy="begin with `version: 1`",
        )
    for override in overrides:
        document = _apply_override(document, override)
    try:
        # For JSON, pydantic's strict mode refuses "5" for 5 and still accepts 5 for 5.0.
        text = json.dumps(document.data, ensure_ascii=False).encode()
        context = {
            "root": root,
            "registry": registry,
            "named": [] if named is None else named,
            "is_strangers": is_strangers,
        }
        preset = make_preset_type(registry).model_validate_json(text, strict=True, context=context)
    except UnicodeEncodeError:  # in a recipe or an override
        raise PresetError("the preset has text that is not Unicode", where=document.name) from None
    except ValidationError as error:
        raise explain(error.errors(include_url=False), document, Preset, registry) from None
    check_mixed_parts(preset.mixer, preset.source, preset.make_source_context(), document)
    return preset


def _preset_folders() -> list[Path]:
    return [resources.user_presets_dir(), resources.presets_dir()]


def _apply_override(document: Document, override: str) -> Document:
    """Return the document with one `KEY=VALUE` applied; later errors in it point to `--set`."""
    found = parse_override(override, example=OVERRIDE_EXAMPLE)
    before, data = document.data, copy.deepcopy(document.data)
    keys = _set(data, found.steps, found.value, found.place)
    for end in range(1, len(keys)):
        if not _has_value(before, keys[:end]):  # made on the way: what is wrong there is --set's
            document = replace_data(document, data, keys[:end], found.place)
    return replace_data(document, data, keys, found.place)


def _set(data: dict[str, Any], steps: list[str], value: Any, place: str) -> Keys:
    """Set one value in a preset's data, however deep it lies, and return its keys.

    What lies on the way and is not there yet is made: `mixer.keys.level_db=-6` needs no mixer.
    """
    *way, last = steps
    if steps[0] not in Preset.model_fields:
        remedy = did_you_mean(steps[0], Preset.model_fields, otherwise=OVERRIDE_EXAMPLE)
        raise PresetError(f"a preset has no field {steps[0]!r}", where=place, remedy=remedy)
    target: Any = data
    keys: Keys = ()
    for step in way:
        if isinstance(target, list):
            keys = (*keys, _find_item(target, step, keys, place))
        elif isinstance(target, dict):
            keys = (*keys, step)
            if target.get(step) is None:
                target[step] = [] if step == "effects" else {}
        else:
            raise _refuse_field(target, keys, step, value, place)
        target = target[keys[-1]]
    if not isinstance(target, dict):
        raise _refuse_field(target, keys, last, value, place)
    if last == "use":
        target.clear()  # another component has other fields
    target[last] = value
    return (*keys, last)


def _has_value(data: Any, keys: Keys) -> bool:
    for key in keys:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return False
    return data is not None


def _refuse_field(target: Any, keys: Keys, step: str, value: Any, place: str) -> PresetError:
    """Return the error for a step into what has no fields."""
    instrument = keys[0] == "source" and keys[-1] != "use"
    if not (instrument and isinstance(target, str)):
        return PresetError("this is not the name of a field", where=place, remedy=OVERRIDE_EXAMPLE)
    name = ".".join(map(str, keys))
    remedy = f"give a mapping: '{name}={{use: {target}, {step}: {value}}}'"
    return PresetError(f"{name} is the name {target!r} alone", where=place, remedy=remedy)


def _find_item(items: list[Any], step: str, keys: Keys, place: str) -> int:
    """Return the index of the effect that an override names by number or by a unique name."""
    names = [item.get("use") if isinstance(item, dict) else None for item in items]
    numbers = [str(number) for number in range(len(names))]
    if step in numbers:
        return numbers.index(step)
    path = ".".join(map(str, keys))
    owner = "the preset" if keys == ("effects",) else path
    if names.count(step) > 1:
        raise PresetError(
            f"{owner} has {names.count(step)} effects {step!r}",
            where=place,
            remedy=f"give its number, counted from 0: {path}.{names.index(step)}",
        )
    if step not in names:
        known = [n for n in names if isinstance(n, str)]
        remedy = did_you_mean(step, known, otherwise=f"it has {', '.join(known) or 'none'}")
        raise PresetError(f"{owner} has no effect {step!r}", where=place, remedy=remedy)
    return names.index(step)
