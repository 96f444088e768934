"""The sentences of a report: each scheme is described where it differs, and counts agree."""

from typing import Any

import pytest

from hmesh.runs import read_run, start_run, summary_table
from hmesh.runs.pairs import pair_strategies
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report import markup
from hmesh.runs.report.headlines import _of_lines, _of_money, headline, in_full
from hmesh.runs.report.scheme_headlines import of_schemes
from hmesh.runs.report.sentence import Figure
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import schemes_of
from tests.store_answer_runs import scenario

HOUSES: dict[str, Any] = {
    "house_running_cost": 1.0, "house_generation_kwh": 4_000.0, "house_export_kwh": 3_000.0,
    "house_import_kwh": 2_500.0, "house_bill": 45_444.0,
}  # fmt: skip
VEHICLES: dict[str, Any] = {
    "vehicle_charged_kwh": 13_520.0, "vehicle_discharged_kwh": 0.0, "ev_bill": 328_815.0,
    "unmet_trip_kwh": 0.0,
}  # fmt: skip
FIRST = HOUSES | VEHICLES


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """Return a run of two hours under six strategies, of which four are of single schemes."""
    names = pair_strategies(scenario())
    chosen = [*names[:5], names[-1]]
    folder = tmp_path_factory.mktemp("many") / "run"
    start_run(scenario("hours=2", f"strategies=[{', '.join(chosen)}]"), folder)
    return RunData(read_run(folder))


def test_many_strategies_do_not_repeat_each_other(eight: RunData) -> None:
    first, *between, last = eight.strategies
    assert in_full(eight) == (first, last)
    of_schemes_first = text(headline(eight, first))
    assert "School buses" in of_schemes_first
    for name in between:
        (scheme,) = schemes_of(name)
        said = text(headline(eight, name))
        assert said.startswith("The load peaks at")
        totals = eight.summary[name]
        for other, each in schemes().items():
            if each.figure in totals and other != scheme:
                sentence = text(each.part("sentence")(totals, eight.currency))
                assert not sentence or sentence not in said
    page = markup.headlines(eight)
    assert page.index("<details>") > page.index("Everybody sharing")
    assert page.count("<dt>") == len(eight.strategies)


def test_figures_of_schemes_are_folded_and_those_that_differ_come_first(eight: RunData) -> None:
    page = markup.comparison([("city", eight)])
    shown, folded = page.split("<details>")[0], page.split("<details>")[1:]
    assert "peak [kW]" in shown
    assert "generation cost" in shown
    assert "school buses" not in shown
    assert "Figures of single schemes" in folded[0]
    assert "same under every strategy" in folded[-1]
    rows = [row for row in page.split("<tr>") if 'scope="row"' in row]
    terminal = summary_table(eight.summary, eight.currency, eight.strategies)
    assert len(rows) == terminal.row_count
    for row in folded[-1].split("<tr>")[2:]:
        cells = row.split("<td>")[1:]
        assert len({cell.partition("</td>")[0] for cell in cells}) == 1


def text(parts: Any) -> str:
    return "".join(part.text if isinstance(part, Figure) else part for part in parts)


def test_a_scheme_that_did_not_change_is_described_once() -> None:
    """Of everybody sharing only schemes that differ from nobody sharing have a sentence."""
    assert text(of_schemes(FIRST, "JPY")) == (
        "Houses buy 2.50 MWh, deliver 3.00 MWh, use 25 % of what they generate and pay "
        "45,444 JPY. Vehicles charge 13.5 MWh and pay 328,815 JPY. "
    )
    assert of_schemes(FIRST, "JPY", FIRST) == ()
    # Prices that another scheme moved by less than one per cent are no news of the vehicles.
    shifted = FIRST | {"house_import_kwh": 2_000.0, "ev_bill": 328_046.0}
    assert text(of_schemes(shifted, "JPY", FIRST)).startswith("Houses buy 2.00 MWh")
    assert "Vehicles" not in text(of_schemes(shifted, "JPY", FIRST))
    costlier = FIRST | {"ev_bill": 400_000.0}
    assert (
        text(of_schemes(costlier, "JPY", FIRST)) == "Vehicles charge 13.5 MWh and pay 400,000 JPY. "
    )
    selling = FIRST | {"vehicle_discharged_kwh": 5.0}
    assert "discharge 5.00 kWh" in text(of_schemes(selling, "JPY", FIRST))


def test_a_scheme_that_only_the_other_strategy_has_is_described() -> None:
    assert "Vehicles charge" in text(of_schemes(FIRST, "JPY", HOUSES))


def test_houses_without_photovoltaics_use_no_share_of_them() -> None:
    dark = HOUSES | {"house_generation_kwh": 0.0, "house_export_kwh": 0.0}
    assert text(of_schemes(dark, "JPY")) == "Houses buy 2.50 MWh and pay 45,444 JPY. "


def test_trips_lack_energy_and_not_steps() -> None:
    """A long trip without energy is counted in each of its steps; its energy is one number."""
    unmet = VEHICLES | {"unmet_trip_kwh": 12.34, "counts": {"unmet_trips": 3}}
    reported = text(of_schemes(unmet, "JPY"))
    assert reported.endswith("Their trips lack 12.3 kWh. ")
    assert "3" not in reported.replace("13.5", "").replace("328,815", "").replace("12.3", "")


@pytest.mark.parametrize(
    ("steps", "reported"),
    [
        ({}, "No line is overloaded."),
        ({"a - b": 1}, "One line is overloaded, a - b, in 1 step."),
        ({"a - b": 1_200}, "One line is overloaded, a - b, in 1,200 steps."),
        ({"a - b": 1, "b - c": 2}, "2 lines are overloaded, b - c most often, in 2 steps."),
    ],
)
def test_lines_are_counted(steps: dict[str, int], reported: str) -> None:
    assert text(_of_lines({"overloaded_steps": steps})) == reported


@pytest.mark.parametrize(
    ("utility", "aggregators", "reported"),
    [
        (659_292.0, 0.0, "The utility earns 659,292 JPY. "),
        (-3.5, 0.0, "The utility loses 3.50 JPY. "),
        (5.0, -7_000.0, "The utility earns 5.00 JPY, aggregators lose 7,000 JPY. "),
        (0.0, 7.0, "Aggregators earn 7.00 JPY. "),
        (0.0, 0.0, ""),
    ],
)
def test_who_earns_nothing_is_not_reported_of(
    utility: float, aggregators: float, reported: str
) -> None:
    totals = {"utility_profit": utility, "aggregator_profit": aggregators}
    assert text(_of_money(totals, "JPY")) == reported
