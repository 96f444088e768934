"""The table, the sentence and the chart on who gains and who pays."""

import re
from typing import Any

import pytest
from rich.console import Console

from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.gains_chart import gains
from hmesh.runs.who_gains import (
    COST,
    communities,
    compared,
    gains_note,
    gains_sentence,
    gains_table,
    kinds,
)
from tests.account_runs import city


def totals(**balances: float) -> dict[str, Any]:
    """Return the totals of a strategy with the balances of some kinds."""
    held = {kind: {"balance": balance} for kind, balance in balances.items()}
    members = {
        k: b for k, b in balances.items() if k not in ("aggregators", "utility", "generators")
    }
    places = {"town": members | {"aggregators": balances.get("aggregators", 0.0)}}
    return {"accounts": {"kinds": held, "communities": places, "stored_price": 20.0}}


BEFORE = totals(
    households=-100.0, buildings=-1000.0, vehicles=-50.0, aggregators=0.0, utility=150.0,
    generators=1000.0,
)  # fmt: skip
AFTER = totals(
    households=-155.0, buildings=-1550.0, vehicles=-25.0, aggregators=300.0, utility=505.0,
    generators=925.0,
)  # fmt: skip
RUN = {"nobody_shares": BEFORE, "everybody_shares": AFTER}
NAMES = ["nobody_shares", "everybody_shares"]


def rendered(summary: dict[str, Any], strategies: list[str]) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(gains_table(summary, "JPY", strategies))
    return capture.get().splitlines()


def row(lines: list[str], label: str) -> str:
    return " ".join(next(line for line in lines if line.strip().startswith(label)).split())


def test_differences_have_a_sign_and_a_share() -> None:
    lines = rendered(RUN, NAMES)
    assert row(lines, "households") == "households pay [JPY] 100.00 +55.00 +55.0 %"
    assert row(lines, "vehicles") == "vehicles pay [JPY] 50.00 -25.00 -50.0 %"
    assert row(lines, "aggregators") == "aggregators earn [JPY] 0.00 +300.00"
    assert row(lines, "utility") == "utility earns [JPY] 150.00 +355.00 +236.7 %"
    assert row(lines, "generation") == "generation costs [JPY] 1,000 -75 -7.5 %"
    assert row(lines, "all members") == "all members pay [JPY] 1,150 +580 +50.4 %"


@pytest.mark.parametrize("strategies", [2, 3, 8])
def test_it_fits_a_terminal_of_80_characters(strategies: int) -> None:
    big = {
        kind: {name: 1e7 * value for name, value in figures.items()}
        for kind, figures in AFTER["accounts"]["kinds"].items()
    }
    accounts = AFTER["accounts"] | {"kinds": big}
    names = ["nobody_shares", *(f"strategy_{n}" for n in range(strategies - 1))]
    summary = {name: {"accounts": accounts} for name in names} | {"nobody_shares": BEFORE}
    lines = rendered(summary, names)
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_the_sentence_says_who_pays_and_what_generation_costs() -> None:
    assert gains_sentence(RUN, "JPY", NAMES) == (
        "Between nobody sharing and everybody sharing, buildings pay 55.0 % more, households pay "
        "55.0 % more, the utility earns 236.7 % more and aggregators earn 300.00 JPY more, while "
        "generation costs 7.5 % less."
    )
    same = {"nobody_shares": BEFORE, "everybody_shares": BEFORE}
    assert gains_sentence(same, "JPY", NAMES).endswith("no bill and no profit changes.")


def test_energy_in_batteries_is_subtracted_from_bills() -> None:
    fuller = totals(vehicles=-50.0, generators=50.0)
    fuller["accounts"]["kinds"]["vehicles"]["stored_value"] = 20.0
    run = {"nobody_shares": totals(vehicles=-50.0, generators=50.0), "everybody_shares": fuller}
    lines = rendered(run, NAMES)
    assert row(lines, "vehicles") == "vehicles pay [JPY] 50.00 -20.00 -40.0 %"
    assert row(lines, "all members") == "all members pay [JPY] 50.00 -20.00 -40.0 %"
    assert "at 20.00 JPY/kWh" in gains_note(run, "JPY", NAMES)
    assert "stored" not in gains_note(RUN, "JPY", NAMES)


def test_one_strategy_and_runs_without_accounts_have_no_table() -> None:
    assert compared(RUN, NAMES)
    assert not compared(RUN, NAMES[:1])
    assert not compared({"nobody_shares": {}, "everybody_shares": AFTER}, NAMES)
    nothing = totals(homes=0.0)
    assert not compared(dict.fromkeys(NAMES, nothing), NAMES)


def test_gains_of_a_run_add_up_to_what_generation_and_batteries_save() -> None:
    run = city()
    names = list(run.info["scenario"]["strategies"])
    courses = kinds(run.summary, names)
    gained = sum(course.gain[-1] for course in courses if course.does != COST)
    (cost,) = (course for course in courses if course.does == COST)
    stored = [
        sum(k.get("stored_value", 0.0) for k in run.summary[n]["accounts"]["kinds"].values())
        for n in names
    ]
    assert gained == pytest.approx(cost.gain[-1] + stored[-1] - stored[0], rel=1e-6)
    every, *places = communities(run.summary, names)
    assert every.amounts == pytest.approx(
        [sum(c) for c in zip(*(p.amounts for p in places), strict=True)]
    )


def test_the_page_says_it_first_and_draws_it() -> None:
    data = RunData(city())
    reported = gains(data)
    text = re.sub(r"<[^>]+>", "", reported.split("</style>")[1].split("</p>")[0]).replace(
        "&nbsp;", " "
    )
    assert text == gains_sentence(data.summary, data.currency, data.strategies)
    shown = re.findall(r'<th scope="row">([^<]+)</th><td class="bar">', reported)
    assert shown[-1] == "all together"
    moving = [c for c in kinds(data.summary, list(data.strategies)) if c.does != COST and c.moves]
    assert shown[:-1] == [course.who.removeprefix("the ") for course in moving]
    widths = [float(width) for width in re.findall(r"left:([0-9.]+)%;width", reported)]
    assert all(0.0 <= width <= 100.0 for width in widths)
