import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hmesh.runs import load_scenario, notes, start_run, summary_table
from hmesh.runs.printed_text import say
from hmesh.runs.run_notes import COUNTS
from hmesh.runs.summary_rows import mwh

TYPICAL: dict[str, Any] = {
    "peak_kw": 14_793.08,
    "par": 2.3234,
    "vehicle_kwh": 57_720.0,
    "vehicle_charged_kwh": 57_720.0,
    "vehicle_discharged_kwh": 0.0,
    "ev_bill": 1_248_810.0,
    "ev_charging_bill": 1_248_810.0,
    "ev_discharging_income": 0.0,
    "aggregator_profit": 0.0,
    "utility_profit": 659_292.0,
    "generation_cost": 1.0e6,
    "overloaded_steps": {"homes/feeder - homes": 3, "homes - homes/charging": 2},
    "messages": {"PlugIn": {"sent": 11_000, "lost": 0, "late": 0}},
    "counts": {},
    "worst": {},
    "unmet_trip_kwh": 0.0,
    "stored_change_kwh": 8_000.0,
    "money_imbalance": 0.0,
}
GAME: dict[str, Any] = TYPICAL | {
    "peak_kw": 7_516.3,
    "par": 1.3773,
    "vehicle_kwh": 35_887.0,
    "vehicle_charged_kwh": 45_827.0,
    "vehicle_discharged_kwh": 9_940.0,
    "ev_bill": 1_144_301.0,
    "ev_charging_bill": 1_494_587.0,
    "ev_discharging_income": 350_286.0,
    "aggregator_profit": 660_398.0,
    "utility_profit": 9_659_292.0,
    "generation_cost": 1.0e6,
    "overloaded_steps": {},
    "messages": {
        "PriceOffer": {"sent": 400, "lost": 0, "late": 0},
        "EnergyBid": {"sent": 300, "lost": 0, "late": 0},
    },
}


def rendered(summary: dict[str, Any], strategies: list[str] | None = None) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(summary_table(summary, "JPY", strategies))
    return capture.get().splitlines()


def row(lines: list[str], label: str) -> str:
    return " ".join(next(line for line in lines if line.strip().startswith(label)).split())


def test_every_strategy_has_a_column_with_changes_against_the_first() -> None:
    lines = rendered({"typical": TYPICAL, "three_level": GAME})
    assert row(lines, "peak [kW]") == "peak [kW] 14,793 7,516 -49.2 %"
    assert row(lines, "peak to average") == "peak to average [-] 2.323 1.377 -40.7 %"
    assert row(lines, "vehicles' energy") == "vehicles' energy [MWh] 57.72 35.89 -37.8 %"
    assert row(lines, "vehicles' bill") == "vehicles' bill [JPY] 1,248,810 1,144,301 -8.4 %"
    assert row(lines, "charged [") == "charged [MWh] 57.72 45.83 -20.6 %"
    assert row(lines, "sold [") == "sold [MWh] 0.00 9.94"
    assert row(lines, "charged at") == "charged at [JPY/kWh] 21.64 32.61 +50.7 %"
    assert row(lines, "sold at") == "sold at [JPY/kWh] - 35.24"
    assert row(lines, "overloads") == "overloads [lines x steps] 5 0 -100.0 %"
    assert row(lines, "messages") == "messages sent 11,000 700"


def test_changes_from_nothing_are_not_reported_and_large_ones_are_factors() -> None:
    lines = rendered({"typical": TYPICAL, "three_level": GAME})
    assert row(lines, "aggregators' profit") == "aggregators' profit [JPY] 0 660,398"
    assert row(lines, "utility's profit") == "utility's profit [JPY] 659,292 9,659,292 x 14.7"


def test_strategies_stand_in_the_order_asked_for() -> None:
    lines = rendered({"three_level": GAME, "typical": TYPICAL}, ["typical", "three_level"])
    assert row(lines, "peak [kW]") == "peak [kW] 14,793 7,516 -49.2 %"


def test_three_strategies_fit_a_terminal_of_80_characters() -> None:
    big = GAME | {"ev_bill": 4.2e9, "utility_profit": 1.6e9, "generation_cost": 1.0e6}
    lines = rendered({"typical": TYPICAL, "two_level": big, "three_level": big})
    assert max(map(len, lines)) <= 80
    assert "vehicles' bill [M JPY]" in row(lines, "vehicles' bill")
    assert not any("…" in line for line in lines)


def test_notes_break_between_words_in_a_terminal_and_not_in_a_pipe() -> None:
    note = "Buses that cannot reach their round [in time] wait: " + "a word and another, " * 8
    for terminal in (True, False):
        console = Console(file=StringIO(), width=80, force_terminal=terminal, color_system=None)
        say(note.strip(), console)
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert len(lines) == (3 if terminal else 1)
        assert max(map(len, lines)) <= 80 or not terminal
        assert " ".join(line.strip() for line in lines) == note.strip()


def test_what_is_undefined_is_a_dash() -> None:
    none = TYPICAL | {"par": None, "vehicle_charged_kwh": 0.0, "ev_bill": 0.0}
    lines = rendered({"typical": none, "three_level": none})
    assert row(lines, "peak to average") == "peak to average [-] - -"
    assert row(lines, "charged at") == "charged at [JPY/kWh] - -"


def test_nothing_out_of_the_ordinary_needs_no_note() -> None:
    calm = GAME | {"counts": dict.fromkeys(COUNTS, 0), "worst": {"utility_profit_gap": 0.0}}
    assert notes({"typical": calm, "three_level": calm}) == []


def test_more_welfare_than_the_planner_has_is_explained() -> None:
    calm = GAME | {"counts": dict.fromkeys(COUNTS, 0), "worst": {"utility_profit_gap": 0.0}}
    less, more = calm | {"welfare": 5.0}, calm | {"welfare": 7.0}
    (line,) = notes({"typical": more, "planner": less})
    assert line.startswith("Welfare counts what batteries hold in every step")
    assert notes({"typical": less, "planner": more}) == []
    assert notes({"typical": more, "three_level": less}) == []


@pytest.mark.parametrize(
    "kind", [kind for kind, note in COUNTS.items() if note.text and kind != "system_exporting"]
)
def test_every_count_that_is_not_zero_has_a_line(kind: str) -> None:
    (line,) = notes({"three_level": GAME | {"counts": {kind: 1_234}}})
    assert line.endswith(": 1,234 times under the three-level game.")
    assert "_" not in line


def test_a_count_without_words_is_reported_by_its_name() -> None:
    (line,) = notes({"three_level": GAME | {"counts": {"something_new": 1}}})
    assert line == "Something new: once under the three-level game."


def test_how_much_was_asked_is_no_warning() -> None:
    counts = {"vehicle_questions": 7, "utility_questions": 9}
    assert notes({"three_level": GAME | {"counts": counts}}) == []


def test_typical_charging_is_not_blamed_for_what_it_is() -> None:
    counts = {"vehicles_at_bound": 9, "unmet_trips": 2}
    (line,) = notes({"typical": GAME | {"counts": counts}})
    assert line.endswith("twice under typical charging.")


def test_overloaded_lines_are_named_with_the_worst_first() -> None:
    steps = {f"line {n}": n for n in range(1, 7)}
    (line,) = notes({"typical": GAME | {"overloaded_steps": steps}})
    assert line == (
        "Lines carried more than their rating under typical charging: line 6 in 6 steps, "
        "line 5 in 5 steps, line 4 in 4 steps, line 3 in 3 steps, and 2 more lines."
    )


def test_bills_that_buy_different_energy_are_reported() -> None:
    fuller = TYPICAL | {"stored_change_kwh": 30_680.0, "overloaded_steps": {}}
    (line,) = notes({"typical": fuller, "three_level": GAME})
    assert "+30.68 MWh under typical charging" in line
    assert "+8.00 MWh under the three-level game" in line


def test_lost_and_late_messages_unmet_energy_and_gaps_are_reported() -> None:
    bad = GAME | {
        "messages": {
            "PriceOffer": {"sent": 9, "lost": 3, "late": 0},
            "EnergyBid": {"sent": 9, "lost": 1, "late": 2},
        },
        "unmet_trip_kwh": 12.34,
        "worst": {"utility_profit_gap": 0.5},
        "money_imbalance": 1.0,
        "par": None,
    }
    reported = "\n".join(notes({"three_level": bad}))
    assert "lacked: 12.3 kWh under the three-level game" in reported
    assert "Messages were lost: 4 under" in reported
    assert "Messages came too late: 2 under" in reported
    assert "0.5 in money" in reported
    assert "error in hMESH" in reported
    assert "undefined under" in reported


def test_figures_of_a_sale_at_a_loss_stay_within_the_prices() -> None:
    """The net bill per net kWh lies above every price where vehicles sell for less than they pay.

    Here they pay 30 and earn 20: the net bill is 10 x 30 - 9 x 20 for 1 kWh, 120 a kWh.
    """
    trade = TYPICAL | {
        "vehicle_kwh": 1.0, "vehicle_charged_kwh": 10.0, "vehicle_discharged_kwh": 9.0,
        "ev_bill": 120.0, "ev_charging_bill": 300.0, "ev_discharging_income": 180.0,
    }  # fmt: skip
    lines = rendered({"typical": trade})
    assert row(lines, "charged at") == "charged at [JPY/kWh] 30.00"
    assert row(lines, "sold at") == "sold at [JPY/kWh] 20.00"
    assert not any("120.00" in line for line in lines if "/kWh]" in line)


EXTREME = st.one_of(
    st.floats(-1e18, 1e18), st.sampled_from([0.0, -0.0, 1e-300, -1e-9, 0.004999, -38_661.5, 1e9])
)


KEYS = ("utility_profit", "ev_bill", "peak_kw")


@given(st.lists(EXTREME, min_size=3, max_size=27))
def test_no_figures_touch_and_none_is_cut(values: list[float]) -> None:
    """Whatever the figures are, and however many strategies, all of them can be read."""
    names = [f"strategy_{number}" for number in range(len(values) // 3)]
    summary = {
        name: GAME
        | dict(
            zip(("utility_profit", "ev_bill", "peak_kw"), values[3 * n : 3 * n + 3], strict=True)
        )
        for n, name in enumerate(names)
    }
    lines = rendered(summary)
    text = "\n".join(lines)
    assert "…" not in text
    assert "-0 " not in text
    assert not re.search(r"-0\.0+(?!\d)", text)
    # A sign, or the x of a factor, stands behind a space and nowhere else.
    assert not re.search(r"\d[-+]\d|\dx", re.sub(r"e[-+]\d+", "", text))
    assert max(map(len, lines)) <= 80


def test_many_strategies_stand_in_blocks_with_all_of_their_figures() -> None:
    profit = "utility_profit"
    summary = {f"everybody_shares_{n}": GAME | {profit: 1_234_567.0 + n} for n in range(8)}
    lines = rendered(summary)
    assert max(map(len, lines)) <= 80
    found = [line.split("]")[1] for line in lines if "utility's profit" in line]
    assert len(found) > 1
    assert " ".join(" ".join(found).split()) == " ".join(f"{1_234_567 + n:,}" for n in range(8))


def test_strategies_that_agree_are_reported_together() -> None:
    counted = GAME | {"counts": {"feeders_out": 2}}
    other = GAME | {"counts": {"feeders_out": 1}}
    (line,) = notes({"typical": counted, "two_level": counted, "three_level": other})
    assert line.endswith(
        "twice under typical charging and the two-level game; once under the three-level game."
    )
    (line,) = notes({"typical": other, "three_level": other})
    assert line.endswith("for a step: once under every strategy.")


def test_one_community_that_exports_is_reported_once() -> None:
    both = GAME | {"counts": {"communities_exporting": 9, "system_exporting": 9}}
    (line,) = notes({"three_level": both})
    assert line.startswith("A community delivered")
    fewer = GAME | {"counts": {"communities_exporting": 9, "system_exporting": 3}}
    assert len(notes({"three_level": fewer})) == 2


def test_every_count_of_a_run_has_words(tmp_path: Path) -> None:
    changes = ["vehicles.count=30", "hours=3"]
    summary = start_run(load_scenario("three-communities", changes), tmp_path / "negotiated")
    solved = start_run(
        load_scenario("three-communities", [*changes, "game.solver=exact"]), tmp_path / "solved"
    )
    counted = {kind for run in (summary, solved) for s in run.values() for kind in s["counts"]}
    assert counted <= set(COUNTS)
    assert rendered(summary)


def test_limits_of_games_are_described_all_schemes_together_and_not_of_nobody_sharing() -> None:
    """Vehicles of everybody who shares play the game, those of nobody charge as they always do."""
    counted = {"counts": {"vehicles_at_bound": 3}}
    reported = notes({"nobody_shares": TYPICAL | counted, "everybody_shares": GAME | counted})
    at_bound = [
        line for line in reported if line.startswith("A vehicle exchanged all that its plug")
    ]
    assert at_bound == [
        "A vehicle exchanged all that its plug or battery allows in a step: "
        "3 times under everybody sharing."
    ]


def test_energies_of_small_runs_have_as_many_digits_as_they_need() -> None:
    largest = {57.7: 2, 1.0: 2, 0.999: 3, 0.1: 3, 0.0416: 4, 0.001: 5, 0.00001: 6, 0.0: 2}
    assert {value: mwh(value) for value in largest} == largest
