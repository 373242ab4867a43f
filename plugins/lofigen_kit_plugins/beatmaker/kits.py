"""Drum kits: which CC0 one-shot sounds for each drum."""

from __future__ import annotations

KITS: dict[str, dict[str, str]] = {
    "dusty": {"kick": "bd_fat", "snare": "sn_generic", "hat": "hat_tap"},
    "jazz": {"kick": "bd_jazz", "snare": "drum_snare_soft", "hat": "drum_cymbal_closed"},
    "boom-bap": {"kick": "drum_heavy_kick", "snare": "sn_dolf", "hat": "hat_cab"},
    "bedroom": {"kick": "drum_bass_soft", "snare": "sn_generic", "hat": "hat_snap"},
}

DRUM_PEAK = {"kick": 0.62, "snare": 0.42, "hat": 0.16}
"""The peak of a stroke of velocity 1, of full scale."""
