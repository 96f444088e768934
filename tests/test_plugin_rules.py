"""Strategies of plugins for smart homes, houses and community storages, from check to audit."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, run_sweep, start_run
from tests.interrupted_runs import interrupted_run
from tests.test_plugin_energies import by_design, files_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r'```python title="my_rules.py"\n(.*?)```', PAGE, re.DOTALL)
SCHEMES = {
    "composite_storage": (
        "composite-storage",
        "sunny_houses",
        ("years=null", "strategies=[no_house_storage, hybrid_storage, sunny_houses]"),
        "rule: sunny_houses sets what batteries and tanks exchange",
    ),
    "community_storage": (
        "community-storage",
        "equal_parts",
        ("strategies=[no_community_storage, community_storage_normal, equal_parts]",),
        "rule: equal_parts sets what households may draw",
    ),
    "smart_homes": (
        "smart-home",
        "by_the_sun",
        ("strategies=[spfa_s, mpfa_sg, by_the_sun]",),
        "rule: by_the_sun sets which slots are granted",
    ),
}


def scenario_of(scheme: str, folder: Path, *changes: str, plugin: str = EXAMPLE) -> Any:
    """Return the built-in scenario of a scheme with the rule of the documentation."""
    name, _, own, _ = SCHEMES[scheme]
    path = folder / "my_rules.py"
    path.write_text(plugin, encoding="utf-8")
    changes = ("plots=false", "hours=26", "checkpoint_every_h=8", *own, *changes)
    return load_scenario(name, changes, None, [str(path)])


@pytest.mark.quick_every(3)
@pytest.mark.usefixtures("plugins_withdrawn")
@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_a_rule_of_a_plugin_is_run_resumed_and_audited(scheme: str, tmp_path: Path) -> None:
    made = scenario_of(scheme, tmp_path)
    start_run(made, tmp_path / "run")
    name, note = by_design(audit_run(tmp_path / "run"))
    assert name == SCHEMES[scheme][3]
    assert "does not best-respond by design" in note
    assert "not apply" in note
    resume_run(interrupted_run(tmp_path / "parts", 19, made))
    assert files_of(read_run(tmp_path / "parts")) == files_of(read_run(tmp_path / "run"))
    judge = {
        "composite_storage": houses_store_the_sun,
        "community_storage": households_draw_equal_parts,
        "smart_homes": appliances_run_by_the_sun,
    }[scheme]
    judge(tmp_path / "run")


def rows_of(folder: Path, table: str, strategy: str) -> Any:
    rows = read_run(folder).table(table).to_pandas()
    return rows[rows["strategy"] == strategy]


def houses_store_the_sun(folder: Path) -> None:
    """Check that batteries take what the sun leaves until full, by day, and give by night."""
    rows = rows_of(folder, "house_steps", "sunny_houses")
    left = (rows["generation_kwh"] - rows["appliances_kwh"]).to_numpy()
    evening = rows["step"].to_numpy() % 24 >= 17
    assert rows["charge_kwh"].max() > 0.5
    assert rows["discharge_kwh"].max() > 0.1
    assert (rows["charge_kwh"] <= np.where(evening, 0.0, np.maximum(left, 0.0)) + 1e-12).all()
    assert (rows["discharge_kwh"] <= np.where(evening, np.maximum(-left, 0.0), 0.0) + 1e-12).all()
    assert (rows["tank_charge_kwh"] == 0.0).all()
    assert (rows["tank_discharge_kwh"] == 0.0).all()
    assert rows["heat_pump_kwh"].to_numpy() == pytest.approx(rows["heat_kwh"].to_numpy() / 3.0)


def households_draw_equal_parts(folder: Path) -> None:
    """Check that nobody draws more than its part, and two of three draw it where they need it."""
    rows = rows_of(folder, "storage_households", "equal_parts")
    stored = rows_of(folder, "storages", "equal_parts").set_index("step")["stored_kwh"]
    part = 0.1 * stored[rows["step"]].to_numpy() / 3
    granted, drawn = rows["granted_kwh"].to_numpy(), rows["drawn_kwh"].to_numpy()
    assert (granted <= part + 1e-12).all()
    assert (rows.groupby("step")["place"].max() <= 2).all()
    served = granted > 0
    assert served.sum() > 20
    assert drawn[served] == pytest.approx(np.minimum(granted, rows["demand_kwh"])[served])


def appliances_run_by_the_sun(folder: Path) -> None:
    """Check that slots are granted where generators are expected to deliver all, and only there."""
    rows = rows_of(folder, "home_appliances", "by_the_sun")
    groups = rows_of(folder, "home_groups", "by_the_sun")
    of_home = rows.groupby(["step", "home"])[["wanted_kwh", "committed_kwh"]].sum()
    # Each group is a home; nothing deviates from what generators expected.
    made = groups.sort_values(["step", "group"])["generation_kwh"].to_numpy()
    enough = (made >= of_home["wanted_kwh"]).to_numpy()
    assert of_home["committed_kwh"][enough].to_numpy() == pytest.approx(
        of_home["wanted_kwh"][enough].to_numpy()
    )
    assert (of_home["committed_kwh"][~enough] == 0.0).all()
    assert 0 < enough.sum() < len(enough)


@pytest.mark.usefixtures("plugins_withdrawn")
@pytest.mark.parametrize(
    ("scheme", "decided", "wrong", "message"),
    [
        (
            "composite_storage",
            "return battery, np.zeros(len(battery))",
            "return battery",
            r"returned an array of shape \(1,\) \(allowed: 2 x 1 finite numbers \[kWh\]",
        ),
        (
            "community_storage",
            "return 0.1 * stored",
            "return np.nan * stored",
            r"returned nan for row 0 \(allowed: 3 finite numbers \[kWh\]",
        ),
        (
            "smart_homes",
            "return enough[:, :, None] & (demand_kwh > 0.0)",
            "return demand_kwh",
            r"returned an array of shape \(24, 1, 2\) of float64 \(allowed: 24 x 1 x 2 True or",
        ),
        ("smart_homes", '"mpfa_sg"', '"mpfa_gs"', r"unknown assignment 'mpfa_gs'.*mpfa_sg"),
    ],
)
def test_what_a_rule_must_not_decide_is_named(
    scheme: str, decided: str, wrong: str, message: str, tmp_path: Path
) -> None:
    assert EXAMPLE.count(decided) == 1
    made = scenario_of(scheme, tmp_path, plugin=EXAMPLE.replace(decided, wrong))
    with pytest.raises(InputError, match=message):
        start_run(made, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.usefixtures("plugins_withdrawn")
@pytest.mark.parametrize(
    ("scheme", "key", "values", "figure"),
    [
        ("composite_storage", "composite_storage.sizes.hybrid_storage.battery_kwh", [1, 8],
         "house_charge_kwh"),
        ("community_storage", "community_storage.storages.0.capacity_kwh", [2, 20],
         "storage_delivered_kwh"),
        ("smart_homes", "smart_homes.groups.0.count", [1, 2], "home_served_kwh"),
    ],
)  # fmt: skip
def test_a_sweep_runs_a_rule_on_two_workers(
    scheme: str, key: str, values: list[int], figure: str, tmp_path: Path
) -> None:
    name, strategy, own, _ = SCHEMES[scheme]
    (tmp_path / "my_rules.py").write_text(EXAMPLE, encoding="utf-8")
    found = run_sweep(
        name,
        {key: values},
        tmp_path / "sweep",
        changes=("plots=false", "hours=30", *own),
        plugins=[str(tmp_path / "my_rules.py")],
        workers=2,
    )
    sums = found.ensemble.of(figure)
    s = list(found.ensemble.strategies).index(strategy)
    assert sums[0, 0, s] < sums[1, 0, s]


@pytest.mark.slow
@pytest.mark.usefixtures("plugins_withdrawn")
@pytest.mark.parametrize("scheme", list(SCHEMES))
@pytest.mark.parametrize(
    "changes",
    [
        ("messages.loss_rate=0.2",),
        ("messages.keep=all",),
        ("chance.feeder_outages={mean_time_between_failures_h: 20, mean_time_to_repair_h: 2}",),
    ],
    ids=["loss", "kept", "outages"],
)
def test_a_rule_is_audited_under_chance(
    scheme: str, changes: tuple[str, ...], tmp_path: Path
) -> None:
    if scheme == "smart_homes" and "outages" in changes[0]:
        pytest.skip("these homes have no grid")
    start_run(scenario_of(scheme, tmp_path, *changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report.failed
