"""How well a network played a take, as one number to sort by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lofigen_kit.analysis.collapse import Finding
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.music.score import Score


def compute_quality(played: AudioBuffer, score: Score, findings: list[Finding]) -> float:
    """Return from 0 to 1 how nearly a take is what its score asks for.

    The mean of what `evaluate` measures: F of the kicks and of the snares that are heard at the
    right times, and the likeness of the chroma to that of the written notes; of these, those that
    the score has anything of. It is taken down by the share of the time that has collapsed.

    Args:
        played: What the network played, at its own rate.
        score: What it was to play.
        findings: What the doctor finds in it.
    """
    from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure, render_score_tones

    parts = [
        drum_f_measure(played, score, drum)
        for drum in ("kick", "snare")
        if any(hit.drum == drum for hit in score.hits)
    ]
    if score.notes:
        written = chroma(render_score_tones(score, played.frames, played.sample_rate_hz))
        parts.append(chroma_similarity(chroma(played), written))
    collapsed = sum(finding.end_s - finding.start_s for finding in findings) / played.duration_s
    return float(sum(parts) / max(len(parts), 1) * (1.0 - min(collapsed, 1.0)))
