"""The charts of every scheme, compared with the tables and the summary of a run."""

from typing import Any

import numpy as np
import pytest

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.chart import ALL, Chart
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.report.headlines import headline
from hmesh.runs.report.scheme_charts import charts
from hmesh.runs.report.sentence import Figure
from hmesh.runs.report.traces import Trace, traces_of
from hmesh.runs.schemes import registry
from hmesh.runs.strategy_names import strategy_label
from tests.scheme_runs import SHORT, run_of

UNITS = {"W": 1e-3, "kW": 1.0, "MW": 1e3, "kWh": 1.0, "MWh": 1e3}


def drawn(data: RunData) -> dict[str, Chart]:
    return {chart.name: chart for chart in charts(data)}


def traces(chart: Chart) -> dict[str, list[Trace]]:
    """Return what the page shows of a chart."""
    return traces_of(chart, chart.data.timeline)


def values(chart: Chart, strategy: str, name: str) -> FloatArray:
    """Return what a chart shows under a name, layers above and below zero together [kW or kWh]."""
    found = [t for t in traces(chart)[strategy] if t.get("name") == name and "meta" in t]
    return np.asarray(sum(t["y"][:-1] * UNITS.get(t["meta"], 1.0) for t in found))


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("scenario", SHORT)
def test_every_chart_shows_its_finding_its_unit_and_its_values(scenario: str) -> None:
    data = run_of(scenario)
    found = charts(data)
    assert len({chart.name for chart in found}) == len(found) > 3
    assert len({chart.heading for chart in found}) == len(found)
    for chart in found:
        keys = {ALL} if ALL in traces(chart) else set(data.strategies)
        assert set(traces(chart)) == keys <= set(chart.findings)
        assert all(chart.findings[key] for key in keys)
        assert any(traces(chart).values())
        for trace in (trace for held in traces(chart).values() for trace in held):
            if trace.get("type") == "heatmap":
                assert trace["z"].shape == (len(trace["y"]), len(trace["x"]) - 1)
                continue
            assert trace["x"].shape == trace["y"].shape
            assert chart.limits is not None
            known = trace["y"][np.isfinite(trace["y"])]
            assert known.min(initial=np.inf) >= chart.limits[0] - 1e-9
            assert known.max(initial=-np.inf) <= chart.limits[1] + 1e-9


def test_a_picture_shows_what_the_page_shows() -> None:
    data = run_of("school-buses")
    chart = drawn(data)["school_load"]
    axes = draw_charts([chart]).axes
    assert [each.get_title() for each in axes] == [strategy_label(name) for name in data.strategies]
    for panel, strategy in zip(axes, data.strategies, strict=True):
        assert panel.get_ylim() == chart.limits
        assert panel.get_ylabel() == chart.axis
        (line,) = (t for t in traces(chart)[strategy] if t.get("name") == "with school buses")
        np.testing.assert_array_equal(panel.lines[0].get_ydata(), line["y"])
        np.testing.assert_array_equal(panel.lines[0].get_xdata(), line["x"])


def test_every_scheme_has_charts_of_its_own() -> None:
    for scenario in SHORT:
        (scheme,) = run_of(scenario).schemes
        assert len(registry.scheme(scheme).part("charts")(run_of(scenario))) > 1


@pytest.mark.parametrize("scenario", SHORT)
def test_headlines_of_a_scheme_show_figures_of_the_summary(scenario: str) -> None:
    data = run_of(scenario)
    for strategy in data.strategies:
        reported = [part for part in headline(data, strategy) if isinstance(part, Figure)]
        assert reported
        for figure in reported:
            value: Any = data.summary[strategy]
            for key in figure.key.split(".", 1):
                value = value[key]
            assert figure.value == value
            number, _, unit = figure.text.partition(" ")
            size = UNITS.get(unit, 1.0)
            shown = float(number.replace(",", "")) * size
            assert shown == pytest.approx(abs(value), rel=0.01, abs=0.006 * size)


def test_school_buses_charge_and_sell_what_the_summary_says() -> None:
    data = run_of("school-buses")
    found = drawn(data)
    for s, strategy in enumerate(data.strategies):
        totals = data.summary[strategy]
        power = found["school_power"]
        assert values(power, strategy, "charged").sum() == pytest.approx(
            totals["school_charged_kwh"]
        )
        sold = values(power, strategy, "sold to the utility").sum()
        assert -sold == pytest.approx(totals["school_sold_kwh"])
        above = values(found["school_critical"], strategy, "demand above the base").sum()
        assert above == pytest.approx(totals["required_kwh"])
        load = values(found["school_load"], strategy, "with school buses")
        np.testing.assert_allclose(load, data.power_kw("net_kwh")[s].sum(axis=0))
    paid = [t for t in traces(found["school_prices"])["optimal_energy_price"] if "mode" in t][-1]
    assert paid["mode"] == "markers"
    rows = data.run.table("schools").to_pandas()
    rows = rows[(rows["strategy"] == "optimal_energy_price") & (rows["sold_kwh"] > 0)]
    expected = rows.groupby("step")["incentive_price"].mean()
    np.testing.assert_allclose(paid["y"][expected.index], expected)
    assert np.isfinite(paid["y"][:-1]).sum() == len(expected)


def test_smart_homes_are_served_as_the_summary_says() -> None:
    data = run_of("smart-home")
    found = drawn(data)
    assert "prices" not in found  # without a grid nothing has a price
    for g, group in enumerate(("winter", "summer")):
        for strategy in data.strategies:
            totals = data.summary[strategy]["homes"][group]
            served = sum(
                values(found[f"home_energy_{g}"], strategy, name).sum()
                for name in ("served straight from generators", "served from storages")
            )
            assert served == pytest.approx(totals["served_kwh"])
            (flows,) = traces(found[f"home_flows_{group}"])[strategy]
            sources = [name.split(" to ")[0] for name in flows["y"]]
            made = sum(
                flows["z"][row].sum()
                for row, source in enumerate(sources)
                if source in ("fuel-cell", "photovoltaics")
            )
            assert made == pytest.approx(totals["generation_kwh"])


def test_buildings_draw_what_the_grid_delivers() -> None:
    data = run_of("battery-sharing")
    found = drawn(data)
    for s, strategy in enumerate(data.strategies):
        load = values(found["battery_load"], strategy, "with batteries")
        np.testing.assert_allclose(load, data.power_kw("net_kwh")[s].sum(axis=0), rtol=1e-9)
        given = values(found["battery_power"], strategy, "delivered to the own building").sum()
        given = (
            given + values(found["battery_power"], strategy, "delivered to other buildings").sum()
        )
        assert -given == pytest.approx(data.total(strategy, "battery_discharged_kwh"))


def test_buildings_draw_what_they_give_each_other() -> None:
    quiet = run_of("battery-sharing")
    assert quiet.run.table("exchanges").num_rows == 0
    assert "battery_exchange" not in drawn(quiet)
    # As much battery for a shop as for a tower leaves the shop something to give away.
    data = run_of("battery-sharing", "battery_sharing.spread=equal")
    found = drawn(data)
    rows = data.run.table("exchanges").to_pandas()
    assert len(rows)
    for strategy, held in traces(found["battery_exchange"]).items():
        sent = rows[rows["strategy"] == strategy]["sent_kwh"]
        shown = sum(float(trace["z"].sum()) for trace in held)
        assert shown <= sent.sum() * (1 + 1e-9)
        assert bool(held) == bool(len(sent))


def test_storages_deliver_to_households_what_they_give() -> None:
    data = run_of("community-storage")
    found = drawn(data)
    assert traces(found["storage_power"])["no_community_storage"] == []
    for strategy in ("community_storage_normal", "community_storage_optimal"):
        given = values(found["storage_power"], strategy, "delivered to households")
        drawn_by = sum(
            values(found["storage_households"], strategy, f"homes/H{n}") for n in (1, 2, 3)
        )
        np.testing.assert_allclose(drawn_by, -given, atol=1e-12)
        assert -given.sum() * data.step_h == pytest.approx(
            data.total(strategy, "storage_delivered_kwh")
        )


def test_electricity_and_heat_of_houses_come_from_somewhere() -> None:
    data = run_of("composite-storage")
    found = drawn(data)
    cop = data.scenario["composite_storage"]["devices"]["cop"]
    pumps = StepSums(data, "house_sums", ["heat_pump_kwh"]).of("heat_pump_kwh") / data.step_h
    for s, strategy in enumerate(data.strategies):
        for name in ("house_electricity", "house_heat"):
            total = sum(trace["y"] for trace in traces(found[name])[strategy])
            np.testing.assert_allclose(total, 0.0, atol=1e-9)
        made = values(found["house_heat"], strategy, "made by heat pumps")
        np.testing.assert_allclose(made, cop * pumps[s], atol=1e-9)


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    ("scenario", "change", "gone"),
    [
        ("school-buses", "record.schools=none", {"school_stored"}),
        ("smart-home", "record.homes=none", {"home_stored", "home_flows_winter"}),
        ("battery-sharing", "record.buildings=none", {"battery_load", "battery_stored"}),
        ("community-storage", "community_storage.record_households=false", {"storage_households"}),
    ],
)
def test_what_was_not_recorded_has_no_chart(scenario: str, change: str, gone: set[str]) -> None:
    assert gone <= set(drawn(run_of(scenario)))
    assert not gone & set(drawn(run_of(scenario, change)))


def test_strategies_of_several_schemes_have_colours_of_their_own() -> None:
    names = ["typical", "three_level", "optimal_energy_price", "shared_battery", "of my own"]
    colours = [strategy_colour(names, name) for name in names]
    assert len(set(colours)) == len(names)
    assert colours[:2] == [strategy_colour(["typical", "three_level"], name) for name in names[:2]]


def test_sums_of_a_step_are_those_of_its_rows() -> None:
    data = run_of("community-storage")
    names = ["homes/H3", "homes/H1", "homes/H2"]
    sums = StepSums(data, "storage_households", ["drawn_kwh"], "group", names)
    rows = data.run.table("storage_households").to_pandas()
    assert sums.strategies == ("community_storage_normal", "community_storage_optimal")
    for n, name in enumerate(names):
        mine = rows[(rows["group"] == name) & (rows["strategy"] == "community_storage_optimal")]
        np.testing.assert_allclose(sums.of("drawn_kwh")[2, n], mine["drawn_kwh"])
    assert not sums.of("drawn_kwh")[0].any()
    assert np.isnan(sums.mean("drawn_kwh")[0]).all()
