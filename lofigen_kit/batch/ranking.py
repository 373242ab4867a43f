"""Rate how well the generated audio of a take matches its score, as one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lofigen_kit.analysis.collapse import Finding
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.music.score import Score


def compute_quality(generated: AudioBuffer, score: Score, findings: list[Finding]) -> float:
    """Return how well a take matches its score, 0 to 1.

    The result is the mean of the measures of `evaluate`: the F-measures of the onsets of kicks and
    of snares, and the chroma similarity to the score's notes. Measures of parts that the score does
    not have are left out. The mean is reduced by the share of time that has collapsed.

    Args:
        generated: The network's output, at its own sample rate.
        score: The score that it was conditioned on.
        findings: The collapsed passages in it.
    """
    from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure, render_score_tones

    parts = [
        drum_f_measure(generated, score, drum)
        for drum in ("kick", "snare")
        if any(hit.drum == drum for hit in score.hits)
    ]
    if score.notes:
        tones = render_score_tones(score, generated.frames, generated.sample_rate_hz)
        parts.append(chroma_similarity(chroma(generated), chroma(tones)))
    collapsed = sum(finding.end_s - finding.start_s for finding in findings) / generated.duration_s
    return float(sum(parts) / max(len(parts), 1) * (1.0 - min(collapsed, 1.0)))
