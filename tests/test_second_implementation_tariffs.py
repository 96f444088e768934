"""Both implementations of tariffs agree on random bands, months, peaks and deliveries."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.calendar import Calendar
from hmesh.environment.retail_tariff import base_charge
from hmesh.environment.tariff_bands import DAY_GROUPS, WEEK, TimeBand, band_prices, month_and_day
from hmesh.markets.monthly_charges import net_metering_credit
from hmesh.runs.audits.reference.stated_tariff import (
    base_of_step,
    charges_of_months,
    credit_of_month,
    local_times,
    price_of_step,
)
from hmesh.runs.world.stated_bill import MonthlyCharges

QUARTER = st.integers(0, 96).map(lambda quarter: quarter / 4)
DAY = st.sampled_from(("01-01", "02-29", "03-25", "03-31", "07-01", "10-29", "12-31"))
BAND = st.fixed_dictionaries({
    "hours": st.none() | st.tuples(QUARTER, QUARTER).filter(lambda ends: ends[0] % 24 != ends[1]),
    "days": st.lists(st.sampled_from((*DAY_GROUPS, *WEEK)), min_size=1, max_size=3),
    "season": st.none() | st.tuples(DAY, DAY),
    "price": st.floats(-0.1, 1.0),
})  # fmt: skip
# Months end and clocks change within a few days of each.
START = st.sampled_from(
    ("2023-03-24T13:00", "2023-03-30T07:00", "2023-10-27T18:00", "2023-12-30T00:00")
)
# Within 50 hours of the end of a month.
ENDING = st.sampled_from(("2023-03-30T07:00", "2023-12-30T00:00", "2024-02-28T03:00"))
STEP_H = st.sampled_from((0.25, 0.5, 1.0))
STEPS = 72


def calendar_of(start: str, step_h: float) -> Calendar:
    return Calendar(start, "Europe/Berlin", step_h, "DE")


def times_of(calendar: Calendar, steps: int) -> list[datetime]:
    first = calendar.time_of(0).astimezone(calendar.zone)
    return local_times(first, steps, calendar.step_h)


def band_of(stated: dict[str, Any]) -> TimeBand:
    season = stated["season"]
    return TimeBand(
        stated["hours"] or (0.0, 24.0),
        tuple(stated["days"]),
        season and (month_and_day(season[0]), month_and_day(season[1])),
    )


@given(st.lists(BAND, max_size=3), START, STEP_H)
def test_both_find_the_same_price_of_each_step(
    bands: list[dict[str, Any]], start: str, step_h: float
) -> None:
    bands = [*bands, {"hours": None, "days": ["all"], "season": None, "price": 0.3}]
    calendar = calendar_of(start, step_h)
    first = band_prices([(band_of(each), each["price"]) for each in bands], calendar, STEPS, "x")
    stated = [SimpleNamespace(**each) for each in bands]
    second = [
        price_of_step(stated, local, step_h, calendar.is_holiday)
        for local in times_of(calendar, STEPS)
    ]
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)


@pytest.mark.parametrize("start", ["2023-03-24T13:00", "2023-12-30T00:00"])
def test_both_spread_the_same_base_charge(start: str) -> None:
    calendar = calendar_of(start, 1.0)
    first = base_charge(calendar, STEPS, 31.0)
    second = [base_of_step(local, 1.0, 31.0) for local in times_of(calendar, STEPS)]
    np.testing.assert_allclose(first, second, rtol=1e-12)


@given(st.lists(BAND, min_size=1, max_size=2), ENDING, st.sampled_from((15, 30, 60)),
       st.integers(0, 2**32 - 1))  # fmt: skip
def test_both_charge_the_same_for_a_month(
    bands: list[dict[str, Any]], start: str, interval: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    calendar, steps = calendar_of(start, 0.25), 200
    demand = [SimpleNamespace(**each, price_per_kw=rng.uniform(1, 9), interval=interval)
              for each in bands]  # fmt: skip
    tiers = [SimpleNamespace(above_kwh=20.0 * n, surcharge=0.01 * n) for n in (1, 2, 3)]
    charges = MonthlyCharges(
        [(band_of(vars(each)), each.price_per_kw, interval, "x") for each in demand],
        SimpleNamespace(tiers=tiers), calendar, steps, "house",
    )  # fmt: skip
    bought = rng.exponential(1.0, (steps, 2))
    first = np.zeros((2, steps, 2))
    known = charges.begun(2)
    for step in range(steps):
        known = charges.after(known, step, bought[step])
        if charges.ends[step]:
            of_month = charges.charges(known)
            first[:, step] = of_month["house_demand_charge"], of_month["house_tier_charge"]
            known = charges.begun(2)
    for meter in range(2):
        second = charges_of_months(
            bought[:, meter].tolist(), times_of(calendar, steps), 0.25, demand, tiers,
            calendar.is_holiday,
        )  # fmt: skip
        np.testing.assert_allclose(first[:, :, meter], second, rtol=1e-9, atol=1e-12)


def test_little_is_credited_as_much_is() -> None:
    # Of 0.4 kWh delivered half is bought again; what nobody delivers is worth nothing.
    found = net_metering_credit(
        np.array([0.2, 0.2]), np.array([0.4, 0.0]), np.array([0.12, 0.0]), np.array([0.04, 0.0])
    )
    assert found == pytest.approx([0.04, 0.0])


@given(st.integers(0, 2**32 - 1))
def test_both_credit_the_same_deliveries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bought, delivered = rng.exponential(1.0, (2, 30)) * rng.integers(0, 2, (2, 1))
    purchase, feed_in = rng.uniform(0.0, 0.5, (2, 30))
    first = net_metering_credit(
        bought.sum(), delivered.sum(), delivered @ purchase, delivered @ feed_in
    )
    second = credit_of_month(bought, delivered, purchase, feed_in)
    assert float(first) == pytest.approx(second, rel=1e-9, abs=1e-12)
