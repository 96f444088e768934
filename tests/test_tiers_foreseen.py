"""Tiers of a month that batteries foresee: against slopes of the charge, and bills of runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hmesh.agents.metered_sites as sites_module
from hmesh.markets.monthly_charges import surcharge_foreseen, tier_charge
from hmesh.runs import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

STRATEGY = "sites_on_tariff"
DAYS = 12
# With losses of 9.75 % a delivery worth 0.27 that is stored saves a purchase at 0.28 to no profit,
# and one at 0.28 + 0.06 at a profit.
SITE = """
name: tiers
time_zone: Europe/Berlin
currency: EUR
start: "2023-01-22T00:00"
hours: {hours}
communities: {{works: {{members: []}}}}
strategies: [sites_on_tariff]
metered_sites:
  groups: [{{name: hall, community: works, load: {{file: load.csv}},
            photovoltaics: {{file: sun.csv}}, battery_kwh: 10}}]
  tariff:
    {{bands: [{{price: 0.28}}], feed_in: 0.27, tiers: [{{above_kwh: {above}, surcharge: 0.06}}]}}
"""


def test_the_surcharge_is_the_slope_of_the_charge_at_the_expected_energy() -> None:
    rng = np.random.default_rng(3)
    above, surcharge = np.array([80.0, 200.0, 450.0]), np.array([0.02, 0.05, -0.01])
    month, power, left = rng.uniform(0, 300, 500), rng.uniform(0, 2, 500), 131.0
    expected = month + left * power
    slope = tier_charge(expected + 0.5, above, surcharge) - tier_charge(
        expected - 0.5, above, surcharge
    )
    clear = (np.abs(expected[:, None] - above) > 0.5).all(axis=1)
    found = surcharge_foreseen(month, power, left, above, surcharge)
    np.testing.assert_allclose(found[clear], slope[clear], atol=1e-12)


def simulated(folder: Path, above: float) -> tuple[Simulation, np.ndarray]:
    """Return a simulated run, and what the battery has discharged before each day."""
    hours = np.arange(DAYS * 24)
    for name, energy in (
        ("load", np.full(len(hours), 1.0)),
        ("sun", np.where((hours % 24 >= 10) & (hours % 24 < 14), 4.0, 0.0)),
    ):
        times = pd.date_range("2023-01-22T00:00", periods=len(hours), freq="h").map(str)
        rows = [f"{at},hall,{e}" for at, e in zip(times, energy, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["time,member,load_kwh", *rows]) + "\n")
    path = folder / "tiers.yaml"
    path.write_text(SITE.format(above=above, hours=DAYS * 24), encoding="utf-8")
    simulation = Simulation(make_setting(load_scenario(path)), STRATEGY)
    scheme: Any = simulation.schemes["metered_sites"]
    cycled = []
    while simulation.step_index < simulation.setting.scenario.steps:
        if scheme.setting.first_of_day[simulation.step_index] == simulation.step_index:
            cycled.append(float(scheme.sites.population["cycled_kwh"][0]))
        simulation.step()
    return simulation, np.array(cycled)


def test_a_battery_that_knows_its_tier_stores_what_it_would_deliver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, cycled = simulated(tmp_path, 100)
    # 12 kWh a day to the end of January are beyond 100, two days of February are not:
    # until then the battery serves night after night, from what the second day has charged on.
    assert (np.diff(cycled)[2:9] > 5).all()
    assert np.diff(cycled)[10] == pytest.approx(0, abs=1e-9)
    never, idle = simulated(tmp_path, 400)
    assert np.diff(idle)[2:] == pytest.approx(0, abs=1e-9)
    assert never.totals.summary(1.0)["site_bill_tier_charge"] == 0
    monkeypatch.setattr(sites_module, "surcharge_foreseen", lambda month, *_: np.zeros_like(month))
    blind, _ = simulated(tmp_path, 100)
    bills = [each.totals.summary(1.0)["site_bill"] for each in (run, blind)]
    # Of each delivery worth 0.27 that is stored, 0.9025 times 0.34 is saved.
    stored = (cycled[10] - cycled[2]) / 0.95
    assert bills[0] < bills[1] - 0.8 * stored * (0.9025 * 0.34 - 0.27) * 0.95
