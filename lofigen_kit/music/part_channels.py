"""The channels of networks that play each part of a score alone.

They hear one part at a time, so all pitched parts share the channels of `note`, and each of the six
drums has its own. The receptive field is shorter than a stroke: a stroke's pulse comes again some
times later, each time on a channel of its own, and so the network knows where in the stroke it is.
A kick has the sine and cosine of a falling pitch, a snare those of its head's lowest modes, from
which the phase of a drum's body can be taken. A kick has a frame of short tones besides, high at
first and low later (Gabor, "Theory of communication", 1946): the kick of any kit is a sum of them,
but for a rest of -7 to -14 dB.

What is noise in a part, hats, a snare's wires and breath, is white noise under the envelopes of its
strokes and notes, on channels of its own, as the source-filter model has it (Wang, Takaki and
Yamagishi, 2019): the network gives it colour. Here stand the envelopes; the noise itself is put
under them by `conditioning.excite_noise`. A network that had to draw the noise by itself would have
to tell, from its own past, noise that it means from errors that it makes.
"""

from __future__ import annotations

from collections.abc import Iterator

from lofigen_kit.music.excitation import (
    Event,
    make_decay,
    make_drum_tone,
    make_note_wave,
    make_pulse,
    make_short_tone,
)
from lofigen_kit.music.score import Drum, Hit, Note, Score

NOTE_DECAY_S = 1.1
"""How fast a note fades on its channels; on those that are `held` it does not."""

HARMONICS = range(2, 9)
PULSE_STEP_MS = 30
"""How long after each other the pulses of one stroke come."""

PULSES: dict[Drum, int] = {
    "kick": 7, "snare": 7, "rim": 3, "hat": 3, "open-hat": 4, "ride": 4,
}  # fmt: skip
"""How often each drum's pulse comes."""
DECAYS_MS: dict[Drum, tuple[int, int]] = {
    "kick": (20, 120),
    "snare": (20, 100),
    "rim": (10, 50),
    "hat": (10, 50),
    "open-hat": (40, 250),
    "ride": (40, 300),
}
TONES_HZ: dict[Drum, tuple[int, ...]] = {"kick": (50,), "snare": (185, 330)}
"""The pitch of a kick's body, and two modes of a 14 inch head, 1.8 apart (Rossing, 1992)."""
FALLS: dict[Drum, tuple[float, float]] = {"kick": (150.0, 0.03), "snare": (0.0, 0.03)}
"""By how many Hz each begins higher, and how fast that falls."""
TONE_DECAY_S = 0.15
KICK_FRAME: dict[int, tuple[int, tuple[int, ...]]] = {
    0: (8, (100, 300)),
    12: (10, (80, 180)),
    30: (15, (60, 110)),
    55: (20, (50, 85)),
    90: (28, (48, 72)),
    140: (35, (46, 64)),
    210: (50, (45, 60)),
}
"""By the time in ms at which a short tone is loudest: its width in ms, and its pitches in Hz."""

_NOISES = ("noise", "held-noise")

CHANNELS = (
    *(f"note.{wave}" for wave in ("sin", "cos", "env", "held-sin", "held-cos", "held-env")),
    "note.pulse",
    *(f"note.sin{harmonic}" for harmonic in HARMONICS),
    *(
        f"{drum}.pulse@{PULSE_STEP_MS * k}ms"
        for drum, count in PULSES.items()
        for k in range(count)
    ),
    *(f"{drum}.decay@{ms}ms" for drum, decays_ms in DECAYS_MS.items() for ms in decays_ms),
    *(
        f"{drum}.{wave}@{hz}Hz"
        for drum in TONES_HZ
        for hz in TONES_HZ[drum]
        for wave in ("sin", "cos")
    ),
    *(
        f"kick.{wave}@{hz}Hz+{centre_ms}ms"
        for centre_ms, (_, pitches_hz) in KICK_FRAME.items()
        for hz in pitches_hz
        for wave in ("sin", "cos")
    ),
    "note.noise",
    "note.held-noise",
    *(f"{drum}.noise@{ms}ms" for drum, decays_ms in DECAYS_MS.items() for ms in decays_ms),
)
"""What is played: for a drum, when its pulse comes, how it fades, its tones, and its noise."""


def is_noise(channel: str) -> bool:
    """Return whether a channel is an envelope under which there is to be noise."""
    return channel in CHANNELS and channel.split(".")[1].partition("@")[0] in _NOISES


def iterate_events(score: Score, channel: str, rate: int) -> Iterator[Event]:
    """Yield what sounds on one of the channels."""
    family, shape = channel.split(".")
    if family == "note":
        for note in score.notes:
            yield _make_note_event(note, shape, rate)
        return
    for hit in score.hits:
        if hit.drum == family:
            yield _make_hit_event(hit, shape, rate)


def _make_note_event(note: Note, shape: str, rate: int) -> Event:
    if shape == "pulse":
        return make_pulse(note.onset_s, note.velocity, rate)
    wave = shape.removeprefix("held-")
    decay_s = NOTE_DECAY_S if wave == shape else float("inf")
    if wave == "noise":
        wave = "env"
    return make_note_wave(note, wave[:3], decay_s, rate, harmonic=int(wave[3:] or 1))


def _make_hit_event(hit: Hit, shape: str, rate: int) -> Event:
    kind, _, number = shape.partition("@")
    if kind == "pulse":
        return make_pulse(hit.onset_s + int(number[:-2]) / 1000, hit.velocity, rate)
    if kind in ("decay", "noise"):
        return make_decay(hit, int(number[:-2]) / 1000, rate)
    pitch, _, centre = number.partition("+")
    pitch_hz = float(pitch[:-2])
    if centre:
        centre_ms = int(centre[:-2])
        width_s = KICK_FRAME[centre_ms][0] / 1000
        return make_short_tone(
            hit, kind, rate, pitch_hz=pitch_hz, centre_s=centre_ms / 1000, width_s=width_s
        )
    return make_drum_tone(hit, kind, TONE_DECAY_S, rate, pitch_hz=pitch_hz, fall=FALLS[hit.drum])
