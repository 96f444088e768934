"""Sessions of a run beside measured ones, and the distance between both."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.session_comparison import draw_sessions, samples_of, session_distances

MEASURED = (
    Path(__file__).parents[2]
    / "shared/data/ev_sessions/ev_sessions_uk_perth_kinross_2018-09_2019-08.parquet"
)


def sessions(hours: list[float], lasts_h: float, energy_kwh: float) -> pd.DataFrame:
    begins = pd.Timestamp("2024-01-15") + pd.to_timedelta(hours, unit="h")
    ends = begins + pd.Timedelta(hours=lasts_h)
    return pd.DataFrame({"plug_in": begins, "plug_out": ends, "energy_kwh": energy_kwh})


def test_what_is_shifted_is_as_far_away_as_it_is_shifted() -> None:
    early, late = sessions([7.0, 8.5, 9.0], 2.0, 6.0), sessions([8.0, 9.5, 10.0], 5.0, 10.5)
    assert session_distances(early, early) == dict.fromkeys(("arrival", "duration", "energy"), 0.0)
    distances = session_distances(early, late)
    assert distances == pytest.approx({"arrival": 1.0, "duration": 3.0, "energy": 4.5}, abs=1e-9)
    # The second day is the same time of day.
    again = sessions([24 + 7.0, 24 + 8.5, 24 + 9.0], 2.0, 6.0)
    assert session_distances(early, again)["arrival"] == 0.0


def test_what_cannot_be_compared_is_reported() -> None:
    with pytest.raises(InputError, match="plug_out"):
        samples_of(sessions([1.0], 1.0, 1.0).drop(columns="plug_out"))
    with pytest.raises(InputError, match="there is none"):
        samples_of(sessions([1.0], 1.0, 1.0).iloc[:0])


@pytest.mark.slow
@pytest.mark.skipif(not MEASURED.exists(), reason="measured sessions are not there")
def test_sessions_of_a_run_compare_with_measured_ones(tmp_path: Path) -> None:
    changes = (
        "vehicles.count=50", "hours=72", "plots=false", "strategies=[typical]",
        "record.sessions=true", "communities.malls.chargers={count: 5, power_kw: 22}",
    )  # fmt: skip
    start_run(load_scenario("three-communities", changes), tmp_path / "run")
    ours = read_run(tmp_path / "run").table("sessions").to_pandas()
    ours = ours[ours["community"] == "malls"]
    measured = pd.read_parquet(MEASURED).rename(
        columns={"plug_in_local": "plug_in", "plug_out_local": "plug_out"}
    )
    distances = session_distances(ours, measured)
    # Public sessions last half an hour in the median, those at a workplace or mall a day.
    median_h = np.median(samples_of(ours)["duration"]) - np.median(samples_of(measured)["duration"])
    assert median_h > 1.0
    assert all(distance > 0 for distance in distances.values())
    draw_sessions(ours, measured, tmp_path / "sessions.png")
    assert (tmp_path / "sessions.png").stat().st_size > 10_000
