"""Which size pays best: a sweep of a year, against values worked out from its summaries."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs.command_line import app
from hmesh.runs.investment_rows import Worth
from hmesh.runs.sweeps.sizing import Sized, size_assumptions, sized
from hmesh.runs.sweeps.sweep import run_sweep

YEAR = """
name: year
time_zone: Europe/Berlin
start: "2023-01-01T00:00"
years: 1
step_h: 6
currency: EUR
communities: {street: {members: []}}
location: {latitude: 48.1, longitude: 11.6}
strategies: [sites_without_devices, sites_with_sun]
record: {sites: none}
metered_sites:
  groups: [{name: homes, community: street, load: {annual_kwh: 4000, profile: h0},
            photovoltaics: {pv_kw: 3}}]
  tariff: {bands: [{price: 0.36}], feed_in: 0.08}
  economics: {pv_price_per_kw: 1200, lifetime_years: 20, interest_rate: 0.02}
"""
KEY = "metered_sites.groups.0.photovoltaics.pv_kw"


@pytest.mark.slow
def test_the_size_of_highest_worth_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "year.yaml").write_text(YEAR, encoding="utf-8")
    words = ["size", "year.yaml", "--out", "sizes", "--vary", f"{KEY}=1,3,9"]
    result = CliRunner().invoke(
        app, [*words, "--workers", "1", "--no-progress"], env={"COLUMNS": "100"}
    )
    assert result.exit_code == 0, result.output
    worth = {}
    for run in (tmp_path / "sizes" / "runs").iterdir():
        info = json.loads((run / "run.json").read_text())
        size = info["scenario"]["metered_sites"]["groups"][0]["photovoltaics"]["pv_kw"]
        totals = json.loads((run / "summary.json").read_text())
        saved = (
            totals["sites_without_devices"]["site_running_cost"]
            - totals["sites_with_sun"]["site_running_cost"]
        )
        worth[size] = sum(saved / 1.02**n for n in range(1, 21)) - 1200 * size
    assert sorted(worth) == [1, 3, 9]
    chosen = max(worth, key=worth.__getitem__)
    assert f"highest net present value: {worth[chosen]:,.0f} EUR with pv_kw {chosen:g}" in (
        result.output.replace(".0 ", " ")
    )
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "assumed: key of metered_sites value unit" in lines
    for line in (
        "economics.interest_rate 0.02 -", "economics.pv_price_per_kw 1200 EUR/kW",
        "tariff.bands.0.price 0.36 EUR/kWh", "tariff.feed_in 0.08 EUR/kWh",
        "groups.0.load.annual_kwh 4000 kWh",
    ):  # fmt: skip
        assert line in lines
    assert not any("photovoltaics.pv_kw" in line for line in lines if line.endswith("kW"))
    done = run_sweep("year.yaml", [f"{KEY}=1,3,9"], tmp_path / "sizes", workers=1)
    found = [each for each in sized(done.ensemble) if each.worth is not None]
    values = [each.worth.net_present_value for each in found if each.worth is not None]
    np.testing.assert_allclose(values, [worth[size] for size in (1, 3, 9)], rtol=1e-9)


def test_assumptions_of_a_scenario_with_files_and_converted_money_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = "".join(f"2023-01-01T{h:02}:00+01:00,saw,1\n" for h in range(0, 24, 6))
    loads += "2023-01-02T00:00+01:00,saw,1\n"
    (tmp_path / "loads.csv").write_text("time,member,load_kwh\n" + loads, encoding="utf-8")
    day = YEAR.replace("years: 1", "hours: 24")
    day = day.replace("load: {annual_kwh: 4000, profile: h0}", "load: {file: loads.csv}")
    used = "{kind: household, name: h, count: 2, annual_kwh: 3500, profile: h0}"
    (tmp_path / "day.yaml").write_text(day.replace("members: []", f"members: [{used}]"))
    done = run_sweep(tmp_path / "day.yaml", [f"{KEY}=1"], tmp_path / "sizes", workers=1)
    assert {"files", "converted_money"} <= set(done.ensemble.plan.scenario)
    # A day says nothing of what devices are worth; what that rests on is listed all the same.
    there = Sized(0, 1, "metered_sites", {}, Worth(0.0, 0.0, 0.0))
    monkeypatch.setattr("hmesh.runs.sweeps.sizing.sized", lambda _: [there])
    text = StringIO()
    for table in size_assumptions(done.ensemble):
        Console(file=text, width=120).print(table)
    assert "economics.pv_price_per_kw" in text.getvalue()


def test_a_part_of_a_year_is_refused(tmp_path: Path) -> None:
    (tmp_path / "year.yaml").write_text(YEAR.replace("years: 1", "hours: 48"), encoding="utf-8")
    done = run_sweep(tmp_path / "year.yaml", [f"{KEY}=1"], tmp_path / "sizes", workers=1)
    with pytest.raises(InputError, match="seasons differ"):
        sized(done.ensemble)
