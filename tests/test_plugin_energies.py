"""Strategies of plugins by which batteries of schemes exchange, from check to audit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, run_sweep, start_run
from hmesh.runs.audits.audit_report import AuditReport
from hmesh.runs.results.run_reader import Run
from tests.interrupted_runs import interrupted_run
from tests.test_metered_sites import FULL, HEAD, write

HOURS = 32
SITES = """
import numpy as np
from hmesh.plugins import strategy


@strategy("night_and_noon", scheme="metered_sites", label="charging by night")
class NightAndNoon:
    def decide(self, scheme):
        hour = scheme.simulation.step_index % 24
        return np.full(len(scheme.load_kwh), 4.0 if hour < 6 else -1.5)
"""


def sites(folder: Path, plugin: str = SITES, *changes: str) -> Any:
    """Return a scenario whose halls follow a rule of a plugin."""
    write(folder)
    (folder / "rules.py").write_text(plugin, encoding="utf-8")
    text = f"{HEAD}plugins: [rules.py]\nstrategies: [sites_on_tariff, night_and_noon]\n"
    path = folder / "sites.yaml"
    path.write_text(f"{text}hours: {HOURS}\nmetered_sites: {{{FULL}}}\n", encoding="utf-8")
    return load_scenario(path, changes)


def by_design(report: AuditReport) -> tuple[str, str]:
    assert report.passed, report.failed
    (check,) = (check for check in report.checks if check.by_design)
    return check.name, check.note


def files_of(run: Run) -> Any:
    return run.info["sha256"]


@pytest.mark.usefixtures("plugins_withdrawn")
def test_sites_exchange_what_a_rule_says_within_their_limits(tmp_path: Path) -> None:
    made = sites(tmp_path)
    start_run(made, tmp_path / "run")
    name, note = by_design(audit_run(tmp_path / "run"))
    assert name == "rule: night_and_noon sets what batteries of sites exchange"
    assert "2 checks do not apply" in note
    rows = read_run(tmp_path / "run").table("site_steps").to_pandas()
    rows = rows[rows["strategy"] == "night_and_noon"]
    exchange = (rows["charge_kwh"] - rows["discharge_kwh"]).to_numpy()
    night = rows["step"].to_numpy() % 24 < 6
    # Of 15 kWh and half of that as power, the first night fills a battery that began empty.
    assert exchange[rows["step"] == 0] == pytest.approx(4.0)
    assert ((exchange >= 0) & (exchange <= 4.0))[night].all()
    assert ((exchange <= 0) & (exchange >= -1.5))[~night].all()
    assert exchange[~night].min() == pytest.approx(-1.5)


@pytest.mark.usefixtures("plugins_withdrawn")
def test_a_resumed_run_of_a_rule_of_sites_is_an_uninterrupted_one(tmp_path: Path) -> None:
    made = sites(tmp_path, SITES, "checkpoint_every_h=10")
    start_run(made, tmp_path / "whole")
    resume_run(interrupted_run(tmp_path / "parts", 27, made))
    assert files_of(read_run(tmp_path / "parts")) == files_of(read_run(tmp_path / "whole"))


BATTERIES = """
import numpy as np
from hmesh.plugins import strategy


@strategy("by_the_clock", scheme="battery_sharing", label="levelling by the clock")
class ByTheClock:
    def decide(self, scheme):
        hour = scheme.simulation.step_index % 24
        size = scheme.batteries["capacity_kwh"]
        gives = (np.arange(len(size)) == scheme.load_kwh.argmin()) & (hour == 8)
        return 0.1 * size if hour < 6 else np.where(gives, -0.1 * size, 0.0)
"""
FEW = ("plots=false", "hours=30", "start='2014-01-13T00:00'", "battery_sharing.spread=equal",
       "communities.district.members.0.businesses=8",
       "strategies=[no_battery, shared_battery, by_the_clock]")  # fmt: skip


@pytest.mark.usefixtures("plugins_withdrawn")
def test_batteries_of_buildings_follow_a_rule_and_give_the_rest_to_others(tmp_path: Path) -> None:
    plugin = tmp_path / "clock.py"
    plugin.write_text(BATTERIES, encoding="utf-8")
    changes = [*FEW, "checkpoint_every_h=8"]
    made = load_scenario("battery-sharing", changes, None, [str(plugin)])
    start_run(made, tmp_path / "run")
    name, note = by_design(audit_run(tmp_path / "run"))
    assert name == "rule: by_the_clock sets what batteries exchange"
    assert "2 checks do not apply" in note
    rows = read_run(tmp_path / "run").table("buildings").to_pandas()
    rows = rows[rows["strategy"] == "by_the_clock"]
    first = rows[rows["step"] == 0]
    size = read_run(tmp_path / "run").table("batteries")["shared_capacity_kwh"].to_numpy()
    assert first["charged_kwh"].to_numpy() == pytest.approx(0.1 * size)
    morning = rows[rows["step"] == 8]
    given = (morning["own_kwh"] + morning["sent_kwh"] + morning["unplaced_kwh"]).to_numpy()
    least = morning["load_kwh"].to_numpy().argmin()
    assert given == pytest.approx(np.where(np.arange(8) == least, 0.1, 0.0) * size)
    # What its own building does not need goes to others.
    own, sent, load = (morning[f"{name}_kwh"].to_numpy()[least] for name in ("own", "sent", "load"))
    assert own == pytest.approx(load)
    assert sent > 0
    resume_run(interrupted_run(tmp_path / "parts", 19, made))
    assert files_of(read_run(tmp_path / "parts")) == files_of(read_run(tmp_path / "run"))


@pytest.mark.slow
@pytest.mark.usefixtures("plugins_withdrawn")
def test_a_sweep_runs_a_rule_of_sites_on_two_workers(tmp_path: Path) -> None:
    sites(tmp_path)
    found = run_sweep(
        tmp_path / "sites.yaml",
        {"metered_sites.groups.0.battery_kwh": [5, 15]},
        tmp_path / "sweep",
        workers=2,
    )
    stored = found.ensemble.of("site_discharge_kwh")
    own = list(found.ensemble.strategies).index("night_and_noon")
    assert stored[0, 0, own] < stored[1, 0, own]


@pytest.mark.usefixtures("plugins_withdrawn")
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("np.zeros(2)", r"returned an array of shape \(2,\) \(allowed: 3 finite numbers \[kWh\]"),
        ("[0.0, np.nan, 0.0]", r"returned nan for row 1"),
        ("'much'", r"returned 'much'"),
    ],
)
def test_what_a_rule_must_not_return_is_named(tmp_path: Path, returned: str, message: str) -> None:
    wrong = SITES.replace("np.full(len(scheme.load_kwh), 4.0 if hour < 6 else -1.5)", returned)
    made = sites(tmp_path, wrong)
    with pytest.raises(InputError, match=rf"strategy 'night_and_noon': decide: {message}"):
        start_run(made, tmp_path / "run")
