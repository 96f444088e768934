"""The replication of the house with storages: its identities, its claims, and its report."""

from itertools import pairwise

import numpy as np
import pytest

from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.schemes.composite_storage.setting import (
    NO_STORAGE,
    WITH_STORAGE,
    CompositeStorageSetting,
)
from hmesh.runs.studies.composite_storage.cases import CASES, foreseen, paybacks
from hmesh.runs.studies.composite_storage.claims import (
    exclusions,
    investments_implied,
    losses_implied,
)
from hmesh.runs.studies.composite_storage.inputs import assumptions
from hmesh.runs.studies.composite_storage.sensitivity import (
    both_prices,
    carbon_tax,
    feed_in_by_year,
    paybacks_of_both_prices,
    tariffs,
)
from hmesh.runs.studies.composite_storage.simulated_years import (
    by_rules,
    payback_of,
    per_year,
    priced,
    saving_per_year,
    worth_of,
)
from hmesh.runs.studies.composite_storage.sizes import january_sizes, sizes, table_4
from hmesh.runs.studies.composite_storage.study import (
    HIGH,
    LOW,
    ORDER,
    HouseStudy,
    foresight_gap,
    found_of,
    money,
    replicate_composite_storage,
)
from hmesh.runs.studies.composite_storage.years import identities, tank_units, typical_days
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.world.setting import make_setting

FIGURES = published_figures("composite_storage")


@pytest.fixture(scope="module")
def setting() -> CompositeStorageSetting:
    changes = ("plots=false", "years=null", "hours=672", "start=2017-12-15T00:00")
    made = make_setting(load_scenario("composite-storage", changes)).schemes["composite_storage"]
    assert made is not None
    return made


def test_the_parts_of_the_report_agree_with_each_other(setting: CompositeStorageSetting) -> None:
    low, high = foreseen(setting, LOW), foreseen(setting, HIGH)
    rules = by_rules(setting, tuple(CASES.values()), priced(setting, LOW))
    found = found_of(setting, low, FIGURES)
    assert len(found) == sum(figure.where in ("Table 5", "section 4") for figure in FIGURES)
    gap = foresight_gap(low, rules)
    for costlier in gap.column("more expensive [%]"):
        assert isinstance(costlier, float)
        assert -0.5 < costlier < 10.0
    left = identities(setting, {LOW: low, HIGH: high})
    assert max(float(cell or 0.0) for cell in left.column("left over")) < 1e-6
    reported = money(setting, low, rules)
    assert [row[1] for row in reported.rows] == ["foresight", "rules"] * 3
    for row, case in zip(reported.rows[::2], WITH_STORAGE, strict=True):
        saving = saving_per_year(setting, low[NO_STORAGE], low[case])
        assert row[3] == pytest.approx(saving / 111)
        back = payback_of(setting, case, saving)
        assert row[5] == (pytest.approx(back) if np.isfinite(back) else None)
        # Paid back within the life is worth something today, and only then.
        assert (worth_of(setting, case, saving) > 0) == (back < setting.settings.lifetime_years)
    days = typical_days(setting, low, LOW)
    assert {row[0] for row in days.rows} == {"winter"}
    taxed = carbon_tax(setting, {LOW: low, HIGH: high}, (LOW, HIGH))
    assert len(taxed.rows) == 12
    for row in taxed.rows[:6]:
        # The saving grows by the tax on what is avoided, and a little more by answering to it.
        assert float(row[5] or 0.0) >= float(row[6] or 0.0) - 1e-6
        if row[3] is not None and row[4] is not None:
            # With a tax payback lengthens where storage adds emissions, and there alone.
            assert (float(row[4]) > float(row[3])) == (float(row[6] or 0.0) < 0)


@pytest.mark.slow
def test_paybacks_are_exact_for_the_tariff_of_every_year(setting: CompositeStorageSetting) -> None:
    known = {LOW: foreseen(setting, LOW)}
    found, regimes = feed_in_by_year(setting, known, {})
    assert [row[0] for row in found.rows] == [*map(str, range(2009, 2022)), "after 10 years"]
    assert set(known) == {price for _, price, _ in tariffs()}
    assert max(float(cell or 0.0) for cell in regimes.column("missed at most")) <= 1e-6
    for row in found.rows:
        years = known[float(row[1] or 0.0)]
        assert list(row[2:5]) == pytest.approx(paybacks(setting, years))
    # The saving changes with the tariff by the energy sold more: convex, and never more than that.
    prices = sorted(known)
    for k, case in enumerate(WITH_STORAGE):
        savings = [saving_per_year(setting, known[p][NO_STORAGE], known[p][case]) for p in prices]
        sold = [
            (known[p][case].export_kwh - known[p][NO_STORAGE].export_kwh) * per_year(setting)
            for p in prices
        ]
        slopes = np.diff(savings) / np.diff(prices)
        assert (slopes >= np.array(sold[:-1]) - 1e-3).all(), k
        assert (slopes <= np.array(sold[1:]) + 1e-3).all(), k


def test_the_published_order_needs_tanks_sized_by_electricity() -> None:
    changes = ("plots=false", "years=null", "hours=672", "composite_storage.tank_unit=heat")
    heat = make_setting(load_scenario("composite-storage", changes)).schemes["composite_storage"]
    assert heat is not None
    electric = load_scenario("composite-storage", changes[:3])
    other = make_setting(electric).schemes["composite_storage"]
    assert other is not None
    years = {
        unit: {"foresight": foreseen(of, LOW)} for unit, of in (("heat", heat), ("electric", other))
    }
    reported = tank_units(years, ORDER)
    assert dict(
        zip(reported.column("tank sized by"), reported.column("as published"), strict=True)
    ) == {
        "heat": False,
        "electric": True,
    }


@pytest.mark.slow
def test_no_search_of_sizes_beats_the_programme(setting: CompositeStorageSetting) -> None:
    found = sizes(setting, LOW)
    above = [float(cell or 0.0) for cell in found.column("above the exact")]
    assert above[0] == 0.0
    assert min(above) >= -1e-9


def test_published_statements_exclude_each_other_by_identity(
    setting: CompositeStorageSetting,
) -> None:
    agree = exclusions(FIGURES).column("as published")
    # Only that payback lengthens with a tax goes with the published emissions. That it lengthens
    # from year to year says nothing, for purchasing prices vary too.
    assert agree[0] is None
    assert agree.count(True) == 1
    losses = losses_implied(FIGURES, setting)
    assert losses.column("possible") == [False] * 3
    investments = investments_implied(FIGURES, 0.035)
    by_tax = investments.column("then investment [USD/kWh]")
    assert by_tax[0] == pytest.approx(294, abs=3)
    assert by_tax[1] == pytest.approx(314, abs=3)


def test_every_assumption_names_a_key_that_there_is(setting: CompositeStorageSetting) -> None:
    known = Scenario.model_fields["composite_storage"]
    assert known is not None
    resolved = setting.settings.model_dump()
    for keys in assumptions(setting).column("key"):
        for key in str(keys).split(", "):
            if not key or " " in key or key.startswith("hmesh.markets."):
                continue
            place: object = resolved
            for part in key.split("."):
                if part.endswith("*"):
                    assert isinstance(place, dict)
                    assert any(name.startswith(part[:-1]) for name in place)
                elif isinstance(place, tuple | list):
                    place = place[int(part)]
                else:
                    assert isinstance(place, dict)
                    assert part in place, key
                    place = place[part]


def test_purchases_are_those_of_table_3(setting: CompositeStorageSetting) -> None:
    prices = setting.prices.purchase
    # Winter, every day alike: 0.24 USD from 8 to 22 h and 0.12 by night, at 111 JPY.
    assert set(np.unique(prices).round(2).tolist()) == {13.32, 26.64}
    by_day = prices[: len(prices) // 24 * 24].reshape(-1, 24)
    assert (by_day == by_day[0]).all()


@pytest.mark.slow
def test_a_dearer_purchase_shortens_payback(setting: CompositeStorageSetting) -> None:
    for row_low, row_high in pairwise(both_prices(paybacks_of_both_prices(setting)).rows):
        if row_low[0] != row_high[0]:
            continue
        for cheap, peak_price in zip(row_low[2:], row_high[2:], strict=True):
            assert peak_price is not None or cheap is None
            if cheap is not None and peak_price is not None:
                assert float(str(peak_price)) <= float(str(cheap)) + 1e-9


def test_sizes_of_january_stand_beside_table_4(setting: CompositeStorageSetting) -> None:
    found = january_sizes(setting, LOW)
    section = table_4(FIGURES, found)
    assert len(section.rows) == 4
    # Either alone is at least as large as beside the other: they replace each other.
    assert found.battery_alone >= found.both[0] - 1e-6
    assert found.tank_alone >= found.both[1] - 1e-6
    assert min(found.both) > 0


@pytest.mark.slow
def test_the_paybacks_of_the_whole_year() -> None:
    shared = HouseStudy()
    found = found_of(shared.setting, shared.low, FIGURES)
    backs = [found[item, "payback period"] for item in ("2 BESS", "3 TESS", "4 HESS")]
    assert backs == pytest.approx([9.36, 8.19, 8.51], abs=0.005)


@pytest.mark.slow
def test_the_study_is_replicated() -> None:
    report = replicate_composite_storage(lambda done, total: None)
    assert report.passed, report.verdict
    feed_in = report.section("feed_in")
    missed = report.section("feed_in_regimes").column("missed at most")
    assert max(float(cell or 0.0) for cell in missed) <= 1e-6
    for who in ("", " by rules"):
        both = zip(feed_in.column("feed-in [JPY]"), feed_in.column(f"2 BESS{who} [a]"), strict=True)
        paybacks = [float(cell or 0) for price, cell in both if float(price or 0) > 23.31]
        # Payback lengthens as the tariff falls, while the sun sells above a spring day's price.
        assert paybacks == sorted(paybacks)
        assert len(paybacks) == 11
