"""What is known of a finished sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.score import Score
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.chain import is_loop


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is known of a finished sound.

    Attributes:
        preset: What made it.
        take: Its number.
        title: The source's words for it.
        score: What sounds in it, at its tempo and pitch after the effects.
        loudness_lufs: Measured on the result.
        true_peak_dbtp: Measured on the result.
        target_unreached: Why the loudness is not what the preset asks for, if so.
        source_sha256: The source's own audio, which primes the network or is processed.
        network_sha256: The weights that generated it; None where no network did.
        licences: The terms of the source's audio and of the weights.
        device: Where the network ran: `cpu` or `cuda`.
        command: What made it: `chain`, or `process`, which takes a recording as it comes.
        players: Who plays each part that is heard: `network`, or `samples`, the source's own
            instrument; empty where nothing plays in parts.
        attempt: How often the take had been generated before, and was drawn afresh.
    """

    preset: Preset
    take: int
    title: str
    score: Score
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None
    source_sha256: str
    network_sha256: str | None
    licences: dict[str, str]
    device: str = "cpu"
    command: str = "chain"
    attempt: int = 0
    players: Mapping[str, str] = field(default_factory=dict)

    @property
    def loop(self) -> bool:
        """Whether its end leads into its beginning."""
        return is_loop(self.preset, self.score)


@dataclass(frozen=True, kw_only=True)
class Rendering(Result):
    """A finished take.

    Attributes:
        audio: Stereo, at the output's rate, mastered.
        played: What the network generated, by part, mono, at its own rate; a network that does not
            play in parts has one, `mixed`. Empty where no network plays.
        written: The source's score, before the effects change its tempo and pitch.
        stems: If asked for, each part as it stands in the mix, and the sound after each stage, in
            order. The sum of the parts is the first stage's, to the bit.
    """

    audio: AudioBuffer
    played: dict[str, AudioBuffer]
    written: Score
    stems: dict[str, AudioBuffer] = field(default_factory=dict)

    @property
    def played_mix(self) -> AudioBuffer | None:
        """The plain sum of what the network generated, mono; None where no network plays."""
        sounds = list(self.played.values())
        if not sounds:
            return None
        first, *others = sounds
        samples = sum((sound.samples for sound in others), first.samples)
        return first.with_samples(samples)
