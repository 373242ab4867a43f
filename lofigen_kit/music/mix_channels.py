"""The channels of networks that play a whole mix: keys, bass and three drums."""

from __future__ import annotations

from collections.abc import Iterator

from lofigen_kit.music.excitation import Event, make_decay, make_note_wave, make_pulse
from lofigen_kit.music.score import Drum, Score

PART_DECAY_S = {"chords": 1.1, "bass": 0.6}
"""How fast a held note of each part fades; instruments that follow these are easiest to learn."""

DRUM_DECAYS_S: dict[Drum, tuple[float, float]] = {
    "kick": (0.02, 0.12),
    "snare": (0.02, 0.10),
    "hat": (0.01, 0.05),
}
CHANNEL_PARTS = {"chords": "keys", "bass": "bass"}
"""Which part of a score each family of channels carries. A part without channels is not played."""

CHANNEL_DRUMS: dict[Drum, tuple[Drum, ...]] = {
    "kick": ("kick",),
    "snare": ("snare", "rim"),
    "hat": ("hat", "open-hat", "ride"),
}
"""Which drums each drum's channels carry: a network that knows three drums plays the nearest."""

HARMONICS = (2, 3, 4, 5)

CHANNELS = (
    *(f"{drum}.{shape}" for drum in DRUM_DECAYS_S for shape in ("fast", "slow", "pulse")),
    *(f"{part}.{wave}" for part in PART_DECAY_S for wave in ("sin", "cos", "env")),
    *(f"{part}.sin{harmonic}" for part in PART_DECAY_S for harmonic in HARMONICS),
)
"""What is played, in the order in which shipped networks take it."""


def iterate_events(score: Score, channel: str, rate: int) -> Iterator[Event]:
    """Yield what sounds on one of the channels."""
    family, shape = channel.split(".")
    if family in CHANNEL_PARTS:
        harmonic = int(shape[3:] or 1)
        for note in score.notes:
            if note.part == CHANNEL_PARTS[family]:
                yield make_note_wave(note, shape[:3], PART_DECAY_S[family], rate, harmonic=harmonic)
        return
    drums = next(drums for drum, drums in CHANNEL_DRUMS.items() if drum == family)
    for hit in score.hits:
        if hit.drum not in drums:
            continue
        if shape == "pulse":
            yield make_pulse(hit.onset_s, hit.velocity, rate)
        else:
            decay_s = DRUM_DECAYS_S[drums[0]][("fast", "slow").index(shape)]
            yield make_decay(hit, decay_s, rate)
