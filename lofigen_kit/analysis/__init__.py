"""Analysis of finished audio: drums, beats, pitch, noise floor, spectrum, and a whole score."""

from __future__ import annotations

from lofigen_kit.analysis._mono import mono_8k
from lofigen_kit.analysis.agreement import drum_f_measure, onset_f_measure
from lofigen_kit.analysis.beats import beat_track
from lofigen_kit.analysis.drums import drum_onsets
from lofigen_kit.analysis.features import (
    centroid_hz,
    crest_db,
    level_dbfs,
    rolloff_hz,
    speed_pct,
    width_db,
    wow_pct,
)
from lofigen_kit.analysis.floor import noise_floor_dbfs
from lofigen_kit.analysis.pitch import chroma, chroma_similarity, render_score_tones
from lofigen_kit.analysis.transcription import extract_score

__all__ = [
    "beat_track",
    "centroid_hz",
    "chroma",
    "chroma_similarity",
    "crest_db",
    "drum_f_measure",
    "drum_onsets",
    "extract_score",
    "level_dbfs",
    "mono_8k",
    "noise_floor_dbfs",
    "onset_f_measure",
    "render_score_tones",
    "rolloff_hz",
    "speed_pct",
    "width_db",
    "wow_pct",
]
