"""Parts that a mixer names and the song has not, told before anything is rendered."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Source
from lofigen_kit.errors import LofigenError, PresetError
from lofigen_kit.music.score import COMMON_PARTS
from lofigen_kit.plugins.registry import did_you_mean
from lofigen_kit.preset.yaml_loader import Document


def check_mixed_parts(
    mixed: Collection[str], source: Source, ctx: Context, document: Document | None = None
) -> None:
    """Check the names of parts in a mixer against the score, where the source tells it by itself.

    A source that cannot be asked, because its file is not there yet, is not complained of here.

    Args:
        mixed: The names in the mixer.
        source: What has the parts.
        ctx: The source's context of the first take.
        document: Where the mixer stands, to name the line and column.

    Raises:
        PresetError: naming a part that the song has not, and those that it has.
    """
    from lofigen_kit.effects.rack import locate_errors

    if {*mixed} <= {*COMMON_PARTS}:
        return
    try:
        with locate_errors(f"source {source.use}", reads=True):
            score = source.make_score(ctx)
    except LofigenError:  # as rendering will say
        return
    if score is not None:
        refuse_unknown_parts(mixed, score.part_names, document)


def refuse_unknown_parts(
    mixed: Collection[str], parts: Sequence[str], document: Document | None = None
) -> None:
    """Refuse a part in a mixer that is neither among those of the song nor a common one.

    Args:
        mixed: The names in the mixer.
        parts: Those of the song; one that is not in parts is refused elsewhere.
        document: Where the mixer stands.

    Raises:
        PresetError: naming the first, and those that the song has.
    """
    unknown = sorted({*mixed} - {*parts, *COMMON_PARTS})
    if not parts or not unknown:
        return
    field = f"mixer.{unknown[0]}"
    message = f"the song has no part {unknown[0]!r}"
    listed = f"its parts are {', '.join(parts)}"
    near = did_you_mean(unknown[0], parts)
    raise PresetError(
        f"{field}: {message}" if document else message,
        where=document.place(("mixer", unknown[0]), key=True) if document else field,
        remedy=f"{near} {listed}" if near else listed,
    )
