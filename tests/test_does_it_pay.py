"""The question of a homeowner, from the file of a meter to the answer in the first table."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hmesh.runs import read_run
from hmesh.runs.command_line import app
from hmesh.runs.schemes.composite_storage.words import rows
from tests.one_house import energies, write_house

PAGE = Path(__file__).parents[1] / "docs" / "does-it-pay.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SCENARIO = next(text for kind, text in BLOCKS if kind == "yaml")
COMMANDS = [line for _, text in BLOCKS for line in text.splitlines() if line.startswith("hmesh ")]
TWO_WEEKS = ["--set", "years=null", "--set", "hours=336"]


def followed(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: str) -> str:
    """Do what the page says in a folder, and return what is printed."""
    monkeypatch.chdir(folder)
    write_house(folder / "house.csv")
    (folder / "home.yaml").write_text(SCENARIO, encoding="utf-8")
    printed = ""
    for line in COMMANDS:
        words = shlex.split(line)[1:]
        words += [*changes, "--out", "run", "--no-progress"] if words[0] == "run" else []
        result = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
        assert result.exit_code == 0, f"{line}\n{result.output}"
        printed += result.output
    return printed


def test_under_ten_lines_and_two_commands() -> None:
    assert len(SCENARIO.splitlines()) < 10
    assert len(COMMANDS) == 2


def test_the_bill_is_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = followed(tmp_path, monkeypatch, *TWO_WEEKS)
    assert "filled: nothing, no member lacks a value" in printed
    assert "houses' bill [EUR]" in printed
    assert "payback" not in printed  # two weeks of January are no year
    steps = read_run(tmp_path / "run").table("house_steps").to_pandas()
    steps = steps[steps["strategy"] == "no_house_storage"]
    bought = sold = 0.0
    for hour, pump in enumerate(steps["heat_pump_kwh"].tolist()):
        load, sun = energies(hour)
        net = load + pump - sun
        bought += max(net, 0.0) * (0.24 if hour % 24 >= 22 or hour % 24 < 6 else 0.36)
        sold += max(-net, 0.0) * 0.081
    bill = json.loads((tmp_path / "run" / "summary.json").read_text())["no_house_storage"]
    assert bill["house_bill_purchase"] == pytest.approx(bought, rel=1e-9)
    assert bill["house_bill_feed_in"] == pytest.approx(sold, rel=1e-9)
    base = 12 * 14 / 31
    assert bill["house_bill"] == pytest.approx(bought - sold + base, rel=1e-9)


def totals(cost: float, investment: float, years: float = 1.0) -> dict[str, Any]:
    return {
        "house_running_cost": cost, "house_investment": investment, "house_years": years,
        "house_interest_rate": 0.035, "house_lifetime_years": 15.0,
    }  # fmt: skip


def test_payback_and_worth_by_sums_of_years() -> None:
    every = [totals(1556.0, 0.0), totals(1055.0, 4100.0), totals(1550.0, 4100.0)]
    value = {label: row for label, row, *_ in rows(every)}
    payback, worth = value["payback [a]"], value["net present value [{currency}]"]
    assert payback(every[0]) is None
    assert payback(every[2]) is None  # 6 EUR a year do not pay the interest
    years = payback(every[1])
    assert years is not None
    # The worth of 501 EUR a year rises past the price within the tenth year, and is it at `years`.
    paid = [sum(501 / 1.035**k for k in range(1, n + 1)) for n in (9, 10)]
    assert paid[0] < 4100 < paid[1]
    assert 501 * (1 - 1.035**-years) / 0.035 == pytest.approx(4100)
    expected = sum(501 / 1.035**k for k in range(1, 16)) - 4100
    assert worth(every[1]) == pytest.approx(expected)
    short = [totals(60.0, 0.0, 0.04), totals(40.0, 4100.0, 0.04)]
    assert "payback [a]" not in {label for label, *_ in rows(short)}


@pytest.mark.slow
def test_a_year_gives_the_table_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = [line.split() for line in followed(tmp_path, monkeypatch).splitlines()]
    table = next(text for kind, text in BLOCKS if kind == "text" and "Houses" in text)
    for line in table.splitlines():
        assert line.split() in printed, line
