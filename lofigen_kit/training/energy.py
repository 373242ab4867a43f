"""Energy and CO2 of a training, estimated offline by codecarbon, which is an extra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lofigen_kit.errors import InputError


def start_meter(country: str) -> Callable[[], dict[str, Any]]:
    """Start to measure this process, and return a function that says what it used since.

    Args:
        country: The country whose electricity is assumed, as three letters of ISO 3166: `DEU`.

    Returns:
        A function that returns `energy_kwh`, `co2e_kg` and `country`.

    Raises:
        InputError: without codecarbon, or for a country that it does not know.
    """
    try:
        import pycountry
        from codecarbon import OfflineEmissionsTracker
    except ImportError:
        raise InputError(
            "energy needs codecarbon", remedy="pip install 'lofigen-kit[energy]'"
        ) from None
    if pycountry.countries.get(alpha_3=country) is None:
        raise InputError(
            f"there is no country {country!r}",
            where="energy_country",
            remedy="give three letters, such as DEU",
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


def add_energy(before: dict[str, Any], used: dict[str, Any]) -> dict[str, Any]:
    """Return the energy of this run and of those before it."""
    return {
        key: value + before.get(key, 0.0) if isinstance(value, float) else value
        for key, value in used.items()
    }
