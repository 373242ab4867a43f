"""The contract of an instrument: pitch, level, onset, release and seed of each note."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from lofigen_kit.components.contracts import Instrument
from lofigen_kit.errors import InputError
from lofigen_kit.music.score import DRUM_PART, DRUMS, Hit, Note
from lofigen_kit.plugins.loader import NAME
from lofigen_kit.testing.cases import iterate_variants, make_context, require

NOTE_RATES_HZ = (22_050, 44_100, 48_000)
EVERY_NOTE_HZ = 44_100
"""At this rate every note of the range is played, at the others three."""

NOTE_S = 1.5

NOTE_PEAKS = {"note": 0.25, "stroke": 0.5}
"""Where a note and a drum stroke of velocity 1 peak."""

PEAK_APART_DB = 4.0

ONSET_S = 0.01

LONGEST_RING_S = 20.0

HEARD_DB, DIED_AWAY_DB = -40.0, -55.0
"""Beside the peak: from where a note is heard, and what may be left where it ends."""

MAX_CENTS = 15.0

PARTIAL_DB = -40.0
"""How far below its loudest partial a note's fundamental may lie."""


def check_instrument(instrument: Instrument) -> None:
    """Check that an instrument says for whom it plays, and what, and under which terms."""
    cls, (lowest, highest) = type(instrument), instrument.range_midi
    require(NAME.fullmatch(cls.part), f"{cls.name()} is made for a part, as `keys`")
    require(0 <= cls.program <= 127, f"{cls.name()} names a General MIDI program from 0 to 127")
    require(
        0 <= lowest <= highest <= 127, f"{cls.name()}'s range goes from its lowest note upwards"
    )
    require(instrument.terms, f"{cls.name()} says under which terms its sound may be used")


def check_shapes(instrument: Instrument) -> None:
    """Check that all that an instrument plays begins at once, is sound, and dies away."""
    channels = set()
    for variant in iterate_variants(instrument):
        for rate_hz in NOTE_RATES_HZ if variant == instrument else NOTE_RATES_HZ[:1]:
            every = variant == instrument and rate_hz == EVERY_NOTE_HZ
            for event in _events(variant, every=every):
                what = f"{variant!r} at {rate_hz} Hz, {_in_words(event)},"
                wave = variant.play(event, rate_hz, make_context())
                require(wave.ndim == 2 and len(wave) in (1, 2), f"{what} has one channel or two")
                require(wave.dtype == np.float32, f"{what} is in float32")
                require(np.isfinite(wave).all(), f"{what} gives numbers")
                channels.add(len(wave))
                _check_ends(np.abs(wave).max(axis=0), rate_hz, what)
    require(len(channels) == 1, f"{instrument.use} has as many channels for each note")


def _check_ends(loudness: np.ndarray, rate_hz: int, what: str) -> None:
    """Check where a note begins and how it ends [shape(loudness)=(frames,)]."""
    peak = loudness.max(initial=0.0)
    require(peak > 0, f"{what} is heard")
    start = int(np.argmax(loudness > peak * 10.0 ** (HEARD_DB / 20.0)))
    require(start <= ONSET_S * rate_hz, f"{what} begins within {1000 * ONSET_S:.0f} ms")
    left = loudness[-round(0.002 * rate_hz) :].max()
    require(left < peak * 10.0 ** (DIED_AWAY_DB / 20.0), f"{what} ends in silence")
    require(len(loudness) < LONGEST_RING_S * rate_hz, f"{what} ends before {LONGEST_RING_S:.0f} s")


def check_repeats(instrument: Instrument) -> None:
    """Check that the same generator gives the same sound, and leaves the next one its own."""
    for event in _events(instrument, every=False):
        wave, again = (instrument.play(event, 44_100, make_context()) for _ in range(2))
        same = np.array_equal(wave, again)
        require(same, f"{instrument.use} repeats {_in_words(event)} bit for bit")


def check_levels(instrument: Instrument) -> None:
    """Check that a harder note is a louder one, and how loud the hardest is."""
    kind = "stroke" if instrument.part == DRUM_PART else "note"
    for event in _events(instrument, every=False):
        waves = (
            instrument.play(event.model_copy(update={"velocity": v}), 44_100, make_context())
            for v in (0.2, 0.5, 0.8, 1.0)
        )
        peaks = [float(np.abs(wave).max()) for wave in waves]
        rises = all(soft < hard for soft, hard in pairwise(peaks))
        what = f"{instrument.use}'s {_in_words(event)}"
        require(rises, f"{what} is the louder, the harder it is played")
        loudest = NOTE_PEAKS[kind]
        if isinstance(event, Hit) and event.drum != "kick":  # no drum is louder than the kick
            _require_at_most(peaks[-1], loudest, what)
            continue
        apart_db = 20.0 * np.log10(peaks[-1] / loudest)
        require(
            abs(apart_db) < PEAK_APART_DB,
            f"{what} of velocity 1 peaks at about {loudest}, not at {peaks[-1]:.3f}",
        )


def _require_at_most(peak: float, loudest: float, what: str) -> None:
    limit = loudest * 10.0 ** (PEAK_APART_DB / 20.0)
    require(peak < limit, f"{what} of velocity 1 peaks below {limit:.2f}, not at {peak:.3f}")


def check_pitch(instrument: Instrument) -> None:
    """Check that an instrument is in tune, all over its range, at every sample rate.

    What plays a user's files is as much in tune as they are.
    """
    if instrument.part == DRUM_PART or _needs_files(instrument):
        return
    for rate_hz in NOTE_RATES_HZ:
        for event in _events(instrument, every=rate_hz == EVERY_NOTE_HZ):
            wave = instrument.play(event, rate_hz, make_context()).sum(axis=0)
            off_cents = _measure_cents(wave[: round(NOTE_S * rate_hz)], event, rate_hz)
            require(
                abs(off_cents) < MAX_CENTS,
                f"{instrument.use}'s {_in_words(event)} at {rate_hz} Hz is in tune, "
                f"not {off_cents:+.0f} cents off",
            )


def _measure_cents(wave: np.ndarray, note: Note | Hit, rate_hz: int) -> float:
    """Return how much higher than written a note's fundamental sounds; infinite without one."""
    if not isinstance(note, Note):
        return np.inf
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size)) ** 2
    frequencies_hz = np.arange(len(spectrum)) * (rate_hz / size)
    width_hz = max(note.frequency_hz * 0.05, 2.5 * rate_hz / len(wave))
    near = np.abs(frequencies_hz - note.frequency_hz) < width_hz
    loudest = np.flatnonzero(near)[np.argmax(spectrum[near])]
    if spectrum[loudest] < spectrum.max() * 10.0 ** (PARTIAL_DB / 10.0):
        return np.inf
    width_hz = max(note.frequency_hz * 0.025, 1.5 * rate_hz / len(wave))
    near = np.abs(frequencies_hz - frequencies_hz[loudest]) < width_hz
    heard_hz = np.average(frequencies_hz[near], weights=spectrum[near])
    return float(1200.0 * np.log2(heard_hz / note.frequency_hz))


def _events(instrument: Instrument, *, every: bool) -> Iterator[Note | Hit]:
    """Yield a stroke on each drum, or notes: every one of the range, or three of them.

    Of an instrument that plays a user's files, those that the files reach: it refuses any other
    by an InputError.
    """
    events: list[Note | Hit]
    lowest, highest = instrument.range_midi
    if instrument.part == DRUM_PART:
        events = [Hit(drum=drum, onset_s=0.0) for drum in DRUMS]
    else:
        midis = range(lowest, highest + 1)
        events = [
            Note(part=instrument.part, midi=midi, onset_s=0.0, duration_s=NOTE_S) for midi in midis
        ]
    if _needs_files(instrument):
        events = [event for event in events if _is_played(instrument, event)]
        require(events, f"{instrument.use} plays something")
    if every or instrument.part == DRUM_PART:
        yield from events
    else:
        yield from (events[n] for n in sorted({0, len(events) // 2, len(events) - 1}))


def _needs_files(instrument: Instrument) -> bool:
    return any(field.is_required() for field in type(instrument).model_fields.values())


def _is_played(instrument: Instrument, event: Note | Hit) -> bool:
    try:
        instrument.play(event, NOTE_RATES_HZ[0], make_context())
    except InputError:
        return False
    return True


def _in_words(event: Note | Hit) -> str:
    return f"note {event.midi:g}" if isinstance(event, Note) else f"stroke on the {event.drum}"
