"""An evaluation as tables: each figure beside its baseline or its best possible value.

The command line, the model cards and docs/checkpoints.md print the same tables. A figure is left
out where an evaluation does not have it, because it is older or was made without an extra.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any

Evaluation = dict[str, Any]
"""What `evaluate` writes as evaluate.json."""

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table: its title, the heads of its columns, rows of as many cells, and a note."""

    title: str
    head: Row
    rows: tuple[Row, ...]
    note: str = ""

    def lines(self) -> list[str]:
        """Return the table as aligned lines."""
        rows = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lined = [
            "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        indent = "  "
        note = wrap(self.note, 100, initial_indent=indent, subsequent_indent=indent)
        return [self.title, *lined, *note]

    def markdown(self) -> str:
        """Return the table as Markdown, its note below."""
        cells = [tuple(re.sub(r"\s+|\|", " ", cell) for cell in row) for row in self.rows]
        rows = [self.head, tuple("---" for _ in self.head), *cells]
        text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return f"**{self.title}**\n\n{text}\n" + (f"\n{self.note}\n" if self.note else "")


def make_tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables of an evaluation that have at least one row."""
    makers: list[Callable[[Evaluation], Table]] = [
        _prediction, _playing, _parts, _sum, _memory, _musicnn,
    ]  # fmt: skip
    made = [make(evaluation) for make in makers]
    return [_drop_empty_columns(table) for table in made if table.rows]


def _drop_empty_columns(table: Table) -> Table:
    """Return the table without the columns that are empty in every row."""
    kept = [n for n in range(len(table.head)) if any(row[n] for row in table.rows)]
    head, *rows = (tuple(row[n] for n in kept) for row in (table.head, *table.rows))
    return replace(table, head=head, rows=tuple(rows))


def _prediction(evaluation: Evaluation) -> Table:
    facts = evaluation.get("prediction") or {}
    laplace, gaussian = (f"linear_{kind}" for kind in ("laplace", "gaussian"))
    rows = [
        ("nats a sample", "network_nats", f"{laplace}_nats", f"{gaussian}_nats", "", ""),
        ("bits a sample", "network_bits", f"{laplace}_bits", f"{gaussian}_bits", "", ""),
        ("bits a sample, of 16", *(f"{k}_bits_16" for k in ("network", laplace, gaussian)), "", ""),
        ("mean squared error", "network_mse", "linear_mse", "", "last_sample_mse", "variance"),
        ("mean absolute error", "network_mae", "linear_mae", "", "last_sample_mae",
         "mean_deviation"),
    ]  # fmt: skip
    head = ("measure", "network", "linear, order 32", "linear, Gaussian", "last sample", "the mean")
    made = [
        (name, *(_number(facts.get(key)) for key in keys)) for name, *keys in rows
        if keys[0] in facts
    ]  # fmt: skip
    return Table(
        f"What it predicts: {facts.get('frames', 0)} held-out samples, teacher-forced",
        head,
        tuple(made),
        "Nats and bits are of a density over amplitude with full scale at 1, and so below 0; bits "
        "of 16 are what a sample rounded to 2**-15 costs. Linear prediction has a Laplace "
        "residual but in its Gaussian column.",
    )


def _playing(evaluation: Evaluation) -> Table:
    facts = evaluation.get("playing") or {}
    paired = [
        ("kick onsets, F at 50 ms", "kick_f"),
        ("snare onsets, F at 50 ms", "snare_f"),
        ("chroma to the score", "chroma"),
    ]
    rows = [_pair(facts, label, key) for label, key in paired if key in facts]
    if "noise_floor_dbfs" in facts:
        ours, theirs = facts["noise_floor_dbfs"], facts["noise_floor_reference_dbfs"]
        difference = f"{ours - theirs:+.1f} dB"
        rows.append(("noise floor between notes", f"{ours:.1f} dBFS", f"{theirs:.1f} dBFS",
                     difference))  # fmt: skip
    if "mean_level_db" in facts:
        rows.append(("level beside the reference", f"{facts['mean_level_db']:+.2f} dB", "0", ""))
        rows.append(("level, worst take", f"{facts['worst_level_db']:.2f} dB off", "0", ""))
    if "mel_distance_db" in facts:
        rows.append(("mel-spectrogram distance", f"{facts['mel_distance_db']:.1f} dB", "0", ""))
    if "collapsed" in facts:
        rows.append(_collapses(facts))
    return Table(
        f"What it plays: {facts.get('songs', 0)} takes, {facts.get('seconds', 0):.0f} s in all, "
        "running free",
        ("measure", "network", "reference rendering", "ratio or difference"),
        tuple(rows),
        "The reference column is the ceiling that the detector itself allows.",
    )


def _parts(evaluation: Evaluation) -> Table:
    facts = (evaluation.get("by_part") or {}).get("parts") or {}
    drums = [("kick", "kick"), ("snare", "snare"), ("hat", "hat"), ("open-hat", "open hat")]
    rows = []
    for name, part in facts.items():
        found = [f"{label} {part[f'{key}_f']:.3f} of {part[f'{key}_f_reference']:.3f}"
                 for key, label in drums if f"{key}_f" in part]  # fmt: skip
        if "chroma" in part:
            found.append(f"chroma {part['chroma']:.3f} of {part['chroma_reference']:.3f}")
        floor_db = part["noise_floor_dbfs"] - part["noise_floor_reference_dbfs"]
        rows.append((
            name, ", ".join(found), f"{part['mel_distance_db']:.1f} dB",
            f"{part['level_db']:+.1f} dB", f"{part['high_db']:+.1f} dB", f"{floor_db:+.1f} dB",
            f"{part['collapsed']} of {part['takes']}",
        ))  # fmt: skip
    return Table(
        "What it plays, part by part, running free",
        ("part", "onsets or notes, of the reference's", "mel distance", "level", "from 5 kHz up",
         "noise floor", "collapsed"),
        tuple(rows),
        "Onsets are F-measures at 50 ms; the second figure is the ceiling that the detector itself "
        "allows. Levels are beside the reference rendering.",
    )  # fmt: skip


def _sum(evaluation: Evaluation) -> Table:
    facts = (evaluation.get("by_part") or {}).get("sum") or {}
    if not facts:
        return Table("", (), ())
    edges = facts["octaves_hz"]
    octaves = zip(edges, edges[1:], facts["octaves_db"], strict=False)
    rows = [
        ("mel-spectrogram distance", f"{facts['mel_distance_db']:.1f} dB"),
        ("level", f"{facts['level_db']:+.1f} dB"),
        *((f"{low} to {high} Hz", f"{level:+.1f} dB") for low, high, level in octaves),
        ("takes that collapsed", f"{facts['collapsed']} of {facts['takes']}"),
    ]
    return Table(
        "The sum of its parts, beside the sum of their reference renderings",
        ("measure", "difference"),
        tuple(rows),
    )


def _pair(facts: Evaluation, label: str, key: str) -> Row:
    ours, theirs = facts[key], facts[f"{key}_reference"]
    ratio = f"{ours / theirs:.2f}" if theirs else ""
    return (label, f"{ours:.3f}", f"{theirs:.3f}", ratio)


def _collapses(facts: Evaluation) -> Row:
    count = f"{facts['collapsed']} of {facts['songs']}"
    faults = facts.get("collapse_faults") or {}
    if faults:
        count += f" ({', '.join(f'{fault} {n}' for fault, n in faults.items())})"
    reference = facts.get("collapsed_reference")
    bound = facts.get("collapse_rate_at_most")
    return (
        "takes that collapsed",
        count,
        "" if reference is None else f"{reference} of {facts['songs']}",
        "" if bound is None else f"at most {bound:.1%} of all (95 %)",
    )


def _memory(evaluation: Evaluation) -> Table:
    facts = evaluation.get("memory") or {}
    if facts.get("highest") is None:
        return Table("", (), ())
    count, of = facts["copies"], facts["windows"]
    rows = [
        ("most alike", _number(facts["highest"]), _number(facts["highest_held_out"])),
        ("median", _number(facts["median"]), _number(facts["median_held_out"])),
        (f"windows from {facts['threshold']} on", f"{count} of {of}",
         f"{facts['copies_held_out']} of {facts['windows_held_out']}"),
    ]  # fmt: skip
    return Table(
        "What it remembers: each 2 s beside the nearest of the training songs, 1 being a copy",
        ("normalised cross-correlation", "network", "held-out renderings"),
        tuple(rows),
        "Held-out renderings are no copies: theirs is what kinship alone gives.",
    )


def _musicnn(evaluation: Evaluation) -> Table:
    facts = evaluation.get("musicnn") or {}
    names = {
        "network": "the network",
        "split_half": "half of the references from the other half",
        "drone": "a drone that dies away",
        "hum": "a hum of 52 Hz",
        "white_noise": "white noise",
    }
    rows = [(label, f"{facts[key]:.3f}") for key, label in names.items() if key in facts]
    return Table(
        "How far it is from the held-out renderings, as musicnn hears them",
        ("sound", "squared maximum mean discrepancy"),
        tuple(rows),
        "This is a distance from a set of references, not a measure of quality.",
    )


def _number(value: float | None) -> str:
    """Return a number with three or four significant digits; nothing for None."""
    if value is None:
        return ""
    return f"{value:.2e}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def format_as_text(evaluation: Evaluation) -> list[str]:
    """Return all tables as lines, with an empty line between two tables."""
    return _join_blocks([table.lines() for table in make_tables(evaluation)])


def _join_blocks(blocks: Sequence[list[str]]) -> list[str]:
    return [
        line for number, block in enumerate(blocks) for line in ([""] if number else []) + block
    ]


def format_as_markdown(evaluation: Evaluation) -> str:
    """Return all tables as Markdown."""
    return "\n".join(table.markdown() for table in make_tables(evaluation))


def format_as_csv(evaluation: Evaluation) -> str:
    """Return the takes as comma-separated values, a row each, with heads."""
    import csv as writer
    from io import StringIO

    rows = [_flatten_row(row) for row in evaluation.get("songs", [])]
    out = StringIO()
    if rows:
        table = writer.DictWriter(out, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return out.getvalue()


def _flatten_row(row: Evaluation) -> Evaluation:
    """Return a take's figures with its findings as faults and its likeness in columns."""
    nearest = row.get("nearest") or {}
    plain = {key: value for key, value in row.items() if not isinstance(value, list | tuple | dict)}
    faults = " ".join(sorted({finding["fault"] for finding in row.get("findings", ())}))
    keys = ("clip_s", "similarity", "title", "file", "song_s")
    plain.pop("nearest", None)
    return {**plain, "faults": faults, **{f"nearest_{key}": nearest.get(key, "") for key in keys}}
