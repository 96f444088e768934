"""What is fitted to a table draws what stands in it."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.calendar import DAY_KINDS
from hmesh.environment.day_plans import read_day_plans
from hmesh.environment.distributions import discrete, histogram
from hmesh.environment.errors import InputError
from hmesh.environment.travel_fit import fit_departures, fit_plans, fit_tours

SHARES = (np.arange(200_000) + 0.5) / 200_000


def test_histogram_and_discrete_draw_their_shares() -> None:
    edges, shares = np.array([0.0, 1.0, 1.0, 3.0, 5.0]), np.array([1.0, 2.0, 0.0, 1.0])
    values = histogram(SHARES, edges, shares)
    assert np.mean(values < 1.0) == pytest.approx(0.25)
    assert np.mean(values == 1.0) == pytest.approx(0.5)
    assert not ((values > 1.0) & (values < 3.0)).any()
    assert values[values >= 3.0].mean() == pytest.approx(4.0, rel=1e-3)
    drawn = discrete(SHARES, np.array([7.0, 8.0, 9.0]), np.array([3.0, 1.0, 0.0]))
    assert [np.mean(drawn == value) for value in (7, 8, 9)] == pytest.approx([0.75, 0.25, 0.0])


def test_day_plans_are_fitted_with_their_own_values() -> None:
    plans = read_day_plans(None, ("homes", "malls", "offices"))
    days, speed = fit_plans(plans, 3)
    assert set(days) == set(DAY_KINDS)
    day = days["weekday"]
    assert day.travels == 1.0
    assert speed == pytest.approx(845 / 27)
    # Five plans with one stop, four with two, one with four.
    assert day.stops.tolist() == [5, 4, 0, 1]
    assert day.departs_h.values(SHARES).mean() == pytest.approx(7.9, abs=0.01)
    matrix = day.purposes[0].destinations
    assert matrix[0].tolist() == [0, 4, 6]
    assert matrix[2].tolist() == [0, 2, 4]
    two_stops = day.tour_km[1].values(SHARES)
    assert two_stops.mean() == pytest.approx((90 + 110 + 70 + 90) / 4, rel=1e-3)
    assert day.tour_km[3].values(SHARES).tolist()[0] == 55.0


def test_a_table_of_tours_shows_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "tours.csv"
    path.write_text(
        "distance_km,travel_time_min,dwell_time_min,trips_in_tour\n5,10,0,2\nx,5,-2,1\n"
    )
    with pytest.raises(InputError) as error:
        fit_tours(path)
    reported = [str(problem).replace(f"{tmp_path}/", "") for problem in error.value.problems]
    assert reported == [
        "tours.csv, line 3, column distance_km: nan cannot be (allowed: a number above 0)",
        "tours.csv, line 3, column dwell_time_min: -2 cannot be (allowed: 0 or more)",
    ]
    path.write_text("distance_km,travel_time,dwell_time_min,trips_in_tour\n5,10,0,2\n")
    with pytest.raises(InputError, match="travel_time_min"):
        fit_tours(path)


def test_departures_are_fitted_by_kind_of_day(tmp_path: Path) -> None:
    path = tmp_path / "sessions.csv"
    # A Friday, a Saturday and a Sunday.
    path.write_text(
        "left\n2024-01-12 07:50\n2024-01-12T08:05:30\n2024-01-13 10:00\n2024-01-14 23:59\n"
    )
    fitted = fit_departures(path, "left")
    assert set(fitted) == {"weekday", "saturday", "sunday"}
    hours = fitted["weekday"].values(SHARES)
    assert (hours.min(), hours.max()) == pytest.approx((7.75, 8.25), abs=1e-3)
    assert fitted["saturday"].values(SHARES).mean() == pytest.approx(10.125, abs=1e-3)
    path.write_text("left\nnoon\n")
    with pytest.raises(InputError, match="is no time"):
        fit_departures(path, "left")


def test_measured_tours_keep_their_moments(shared: Path) -> None:
    import pyarrow.parquet as pq

    path = shared / "data" / "trips" / "vehicle_tours_us_nhts2001.parquet"
    tours = fit_tours(path)
    table = pq.read_table(path).to_pandas()
    table = table[table["trips_in_tour"] >= 2]
    stops = table["trips_in_tour"] - 1
    assert tours.stops.sum() == pytest.approx(1.0)
    assert tours.stops[:3] == pytest.approx([(stops == k).mean() for k in (1, 2, 3)])
    for k in (1, 2, 3):
        km = table.loc[stops == k, "distance_km"]
        drawn = tours.tour_km[k - 1].values(SHARES)
        assert drawn.mean() == pytest.approx(km.mean(), rel=0.01)
        assert drawn.std() == pytest.approx(km.std(), rel=0.03)
        assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx(
            km.quantile([0.1, 0.5, 0.9]).tolist(), rel=0.03
        )
    stay = (table["dwell_time_min"] / 60 / stops).to_numpy()
    assert tours.stay_h.values(SHARES).mean() == pytest.approx(stay.mean(), rel=0.01)
    assert tours.speed_km_h == pytest.approx(
        table["distance_km"].sum() / table["travel_time_min"].sum() * 60
    )


def test_measured_departures_keep_their_hours(shared: Path) -> None:
    import pyarrow.parquet as pq

    folder = shared / "data" / "ev_sessions"
    path = folder / "ev_sessions_uk_perth_kinross_2018-09_2019-08.parquet"
    times = pq.read_table(path, columns=["plug_out_local"]).to_pandas()["plug_out_local"]
    fitted = fit_departures(path)
    for kind, chosen in (
        ("weekday", times.dt.day_of_week < 5), ("saturday", times.dt.day_of_week == 5),
        ("sunday", times.dt.day_of_week == 6),
    ):  # fmt: skip
        hours = times[chosen].dt.hour + times[chosen].dt.minute / 60
        drawn = fitted[kind].values(SHARES)  # type: ignore[index]
        assert drawn.mean() == pytest.approx(hours.mean(), abs=0.15)
        assert drawn.std() == pytest.approx(hours.std(), abs=0.1)
