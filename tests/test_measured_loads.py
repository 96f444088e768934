"""A week of measured buildings and households under vehicles, run and audited."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from hmesh.runs import audit_run, load_scenario, read_run, start_run

MONDAY = pd.Timestamp("2013-11-04")
HOURS = 168


@pytest.fixture
def measured(shared: Path, tmp_path: Path) -> Path:
    """A scenario whose inelastic load is 39 measured buildings and 11 measured houses."""
    pytest.importorskip("pyarrow")
    folder = shared / "data" / "buildings"
    buildings = pd.read_parquet(folder / "buildings_uk_2013-04_2014-03_hourly.parquet")
    closed = pd.read_csv(folder / "buildings_uk_2013-04_2014-03_meta.csv").set_index("building_id")
    houses = pd.read_parquet(
        shared / "data" / "households" / "households_us_fontana_2016-08_2017-07_hourly.parquet"
    )
    # The houses' Monday of the same month stands for that of the buildings, hour by hour.
    moved = houses["timestamp_local"] + (MONDAY - pd.Timestamp("2016-11-07"))
    loads = pd.concat(
        [
            pd.DataFrame(
                {
                    "time": pd.to_datetime(buildings["timestamp_utc"]).dt.tz_localize(None),
                    "member": buildings["building_id"],
                    "load_kwh": buildings["electricity_kwh"],
                }
            ),
            pd.DataFrame(
                {"time": moved, "member": houses["house_id"], "load_kwh": houses["load_kwh"]}
            ),
        ]
    )
    loads["member"] = loads["member"].astype(str)
    end = MONDAY + pd.Timedelta(hours=HOURS)
    loads = loads[(loads["time"] >= MONDAY) & (loads["time"] < end)]
    loads.to_parquet(tmp_path / "loads.parquet", index=False)
    mean_kw = loads.groupby("member")["load_kwh"].mean()
    open_daily = closed.index[closed["closed_days_per_week"] == 0].astype(str).tolist()
    weekdays = closed.index[closed["closed_days_per_week"] > 0].astype(str).tolist()
    groups = {
        "homes": ("household", houses["house_id"].astype(str).unique().tolist(), 60.0),
        "malls": ("building", open_daily, 170.0),
        "offices": ("building", weekdays, 170.0),
    }
    scenario = {
        "name": "measured",
        "start": f"{MONDAY:%Y-%m-%dT%H:%M}",
        "time_zone": "Europe/London",
        "hours": HOURS,
        "generation_cost": {"quadratic": 5e-3, "linear": 10.14, "fixed": 0.0},
        "communities": {
            name: {
                "members": [
                    {
                        "kind": kind,
                        "name": "measured",
                        "file": "loads.parquet",
                        "members": members,
                        "scale": wanted_kw / float(mean_kw[members].sum()),
                    }
                ]
            }
            for name, (kind, members, wanted_kw) in groups.items()
        },
        "vehicles": {"count": 200},
    }
    path = tmp_path / "measured.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False))
    return path


@pytest.mark.slow
def test_a_week_of_measured_loads_runs_and_audits(measured: Path, tmp_path: Path) -> None:
    scenario = load_scenario(str(measured))
    summary = start_run(scenario, tmp_path / "run")
    hours = read_run(tmp_path / "run").table("hours").to_pandas()
    typical = hours[hours["strategy"] == "typical"]
    assert len(typical) == HOURS * 3
    assert summary["typical"]["fixed_load_kwh"] == pytest.approx(400.0 * HOURS, rel=1e-9)
    assert summary["three_level"]["par"] < summary["typical"]["par"]
    weekly = typical.groupby("community")["fixed_load_kwh"].apply(np.std)
    assert (weekly > 0).all()
    report = audit_run(tmp_path / "run")
    assert report.passed, report
