"""The four cases of the study of a house with storages, and their years."""

from collections.abc import Sequence

import numpy as np

from hmesh.markets.known_days import KnownDays
from hmesh.runs.schemes.composite_storage.setting import (
    NO_STORAGE,
    WITH_STORAGE,
    CompositeStorageSetting,
)
from hmesh.runs.studies.composite_storage.simulated_years import (
    HouseYear,
    payback_of,
    priced,
    saving_per_year,
    with_foresight,
)

CASES = dict(zip(("1", "2 BESS", "3 TESS", "4 HESS"), (NO_STORAGE, *WITH_STORAGE), strict=True))
STORAGES = tuple(CASES)[1:]
JPY_PER_USD = 111.0

type Years = dict[str, HouseYear]


def foreseen(
    setting: CompositeStorageSetting,
    feed_in: float,
    tax: float = 0.0,
    days: dict[str, KnownDays] | None = None,
) -> Years:
    """Return the cheapest year of every case with a feed-in tariff and a carbon tax.

    Parameters
    ----------
    setting : CompositeStorageSetting
        The house.
    feed_in, tax : float
        Feed-in tariff [JPY/kWh] and carbon tax [JPY/kg].
    days : dict of KnownDays, optional
        Days of each case at other feed-in tariffs and the same tax, to which those found are added.
    """
    prices = priced(setting, feed_in, tax)
    return {
        case: with_foresight(
            setting, case, prices, None if days is None else days.setdefault(case, KnownDays())
        )
        for case in CASES.values()
    }


def paybacks(setting: CompositeStorageSetting, years: Years) -> Sequence[float | None]:
    """Return the payback of each case with storage [a], None for never."""
    found = []
    for case in WITH_STORAGE:
        saving = saving_per_year(setting, years[NO_STORAGE], years[case])
        back = payback_of(setting, case, saving)
        found.append(back if np.isfinite(back) else None)
    return found
