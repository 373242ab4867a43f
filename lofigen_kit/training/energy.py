"""Energy and CO2 of a training, as codecarbon estimates them offline. An extra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lofigen_kit.errors import InputError


def start_meter(country: str) -> Callable[[], dict[str, Any]]:
    """Begin to measure this process, and return what tells its use since then.

    Args:
        country: Whose mix of electricity to reckon with: `DEU`, of ISO 3166.

    Returns:
        A function that gives `energy_kwh`, `co2e_kg` and `country`.

    Raises:
        InputError: without codecarbon, or for a country that it does not know.
    """
    try:
        import pycountry
        from codecarbon import OfflineEmissionsTracker
    except ImportError:
        raise InputError(
            "energy is measured by codecarbon", remedy="pip install 'lofigen-kit[energy]'"
        ) from None
    if pycountry.countries.get(alpha_3=country) is None:
        raise InputError(
            f"there is no country {country!r}", where="--energy", remedy="three letters, as DEU"
        )
    total = {"energy_kwh": 0.0, "co2e_kg": 0.0}
    tracker = OfflineEmissionsTracker(
        country_iso_code=country, save_to_file=False, log_level="critical",
        tracking_mode="process", allow_multiple_runs=True,
    )  # fmt: skip
    tracker.start_task("training")

    def used() -> dict[str, Any]:
        lap = tracker.stop_task()
        tracker.start_task("training")
        total["energy_kwh"] += float(lap.energy_consumed)
        total["co2e_kg"] += float(lap.emissions)
        return {**total, "country": country}

    return used
