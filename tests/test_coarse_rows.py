"""Rows further apart than intervals, and the hour that clocks show twice: held or reported."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.held import coarse_rows, hold
from hmesh.environment.errors import InputError
from hmesh.runs.command_line import app
from hmesh.runs.world.dataset_files import check_dataset, load_dataset

DAY = 24


def dataset(folder: Path, tables: dict[str, Any], **changes: Any) -> Path:
    """Write the description of two days of Berlin."""
    folder.mkdir(exist_ok=True)
    described = {
        "schema": 1, "name": "mine", "licence": "CC0", "time_zone": "Europe/Berlin",
        "clock": "wall", "labels": "start", "start": "2024-03-01T00:00", "end": "2024-03-03T00:00",
        "resolution": 15, "currency": "EUR", "tables": tables, **changes,
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
    return folder


def write(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join((header, *rows)) + "\n")


def times(count: int, minutes: int, start: str = "2024-03-01T00:00") -> list[str]:
    first = datetime.fromisoformat(start)
    return [(first + timedelta(minutes=minutes * n)).isoformat(timespec="minutes")
            for n in range(count)]  # fmt: skip


def hours_then_quarters() -> list[str]:
    """Return the times of a day in hours and one in quarters, as markets have them since 2025."""
    return [*times(DAY, 60), *times(4 * DAY, 15, "2024-03-02T00:00")]


def prices(labels: str, folder: Path) -> Path:
    """Write prices of hours and then of quarters; each label names the start or the end."""
    shift = {"start": 0, "end": 1}[labels]
    written = [*times(DAY, 60, f"2024-03-01T0{shift}:00"),
               *times(4 * DAY, 15, f"2024-03-02T00:{15 * shift:02d}")]  # fmt: skip
    write(
        folder / "market.csv", "time,price", [f"{t},{0.1 + n % 7}" for n, t in enumerate(written)]
    )
    return dataset(folder, {"market": "market.csv"}, labels=labels)


@pytest.mark.parametrize("labels", ["start", "end"])
def test_a_price_of_an_hour_holds_over_its_quarters(labels: str, tmp_path: Path) -> None:
    checked = check_dataset(prices(labels, tmp_path))
    hourly = np.repeat(0.1 + np.arange(DAY) % 7, 4)
    quarters = 0.1 + (DAY + np.arange(4 * DAY)) % 7
    found = checked.series["market"]
    np.testing.assert_allclose(found.values["price"][:, 0], np.concatenate([hourly, quarters]))
    assert checked.filled_share("market") == {"": 0.0}
    (reported,) = map(str, checked.warnings)
    assert " rows of price from 2024-03-01 0" in reported
    assert reported.endswith("are 60 min apart, not 15 min: each holds up to the next one")


def test_an_hour_of_energy_is_not_that_of_its_quarters(tmp_path: Path) -> None:
    loads = [f"{t},house,{0.25 if 'T00:1' in t else 1.0}" for t in hours_then_quarters()]
    folder = dataset(tmp_path, {"profiles": "profiles.csv"})
    write(folder / "profiles.csv", "time,member,load_kwh", loads)
    with pytest.raises(InputError) as error:
        check_dataset(folder)
    (reported,) = str(error.value).splitlines()
    assert (
        "25 rows of load_kwh of 'house' from 2024-03-01 00:00+01:00 to 2024-03-02 00:00" in reported
    )
    assert (
        "are 60 min apart, not 15 min: an energy of a longer interval is not that of a" in reported
    )
    # A mean power is.
    write(folder / "profiles.csv", "time,member,load_kw", loads)
    run = Calendar("2024-03-01T00:00", "Europe/Berlin")
    np.testing.assert_allclose(load_dataset(folder).loads(run, DAY).load_kwh, 1.0)


def test_rows_of_another_length_and_other_values_twice_are_refused(tmp_path: Path) -> None:
    market = [f"{t},0.1" for t in hours_then_quarters()]
    for lines, reported in (
        (market, "rows are 15 min apart, not 60 min"),
        ([*market, "2024-03-01T16:00,0.5"], "rows are 15 min apart, not 60 min"),
    ):
        folder = dataset(tmp_path, {"market": "market.csv"}, resolution=60)
        write(folder / "market.csv", "time,price", lines)
        with pytest.raises(InputError, match=reported):
            check_dataset(folder)
    folder = dataset(tmp_path, {"market": "market.csv"})
    write(folder / "market.csv", "time,price", [*market, "2024-03-01T16:00,0.5"])
    with pytest.raises(InputError, match="there is another row for 2024-03-01 16:00"):
        check_dataset(folder)


def test_missing_rows_are_no_longer_intervals() -> None:
    values = np.arange(40.0)[:, None]
    values[[3, 4, 9, 11, 13, 30]] = np.nan
    assert list(coarse_rows(values)) == []


@given(st.integers(2, 6), st.integers(5, 20), st.integers(0, 5), st.booleans())
def test_held_values_are_those_of_their_rows(
    apart: int, rows: int, before: int, at_end: bool
) -> None:
    fine = np.full(before, -1.0)
    start = before + (apart - 1 if at_end else 0)
    values = np.full((start + apart * rows, 1), np.nan)
    values[:before, 0] = fine
    at = start + apart * np.arange(rows)
    values[at, 0] = np.arange(rows)
    (coarse,) = [each for each in coarse_rows(values) if each.intervals == apart]
    hold(values, coarse, at_end)
    held = values[before : before + apart * (rows - 1), 0]
    np.testing.assert_array_equal(held, np.repeat(np.arange(rows - 1), apart))


def autumn(folder: Path) -> Path:
    """Write four days about the end of summer time, without the second 02:00, in every table."""
    labels = times(4 * DAY, 60, "2024-10-25T00:00")
    write(
        folder / "market.csv", "time,price", [f"{t},{0.05 + n % 5}" for n, t in enumerate(labels)]
    )
    write(folder / "weather.csv", "time,temp_air", [f"{t},{n % 9}" for n, t in enumerate(labels)])
    write(folder / "demand.csv", "time,region,demand_kwh",
          [f"{t},{region},{n % 9 + 1}" for n, t in enumerate(labels) for region in ("a", "b")]
          )  # fmt: skip
    write(folder / "loads.csv", "time,member,load_kwh",
          [f"{t},house,{n % 9 + 1}" for n, t in enumerate(labels)])  # fmt: skip
    tables = {"profiles": "loads.csv", "market": "market.csv", "weather": "weather.csv",
              "system_demand": "demand.csv"}  # fmt: skip
    return dataset(folder, tables, start="2024-10-25T00:00", end="2024-10-29T00:00", resolution=60)


def test_the_second_hour_of_autumn_is_filled_and_reported_in_every_table(tmp_path: Path) -> None:
    folder = autumn(tmp_path)
    result = CliRunner().invoke(app, ["check", str(folder)])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("filled")]
    assert sorted(lines) == [
        "filled: 1.03% of market, first 2024-10-27 02:00+01:00",
        "filled: 1.03% of weather, first 2024-10-27 02:00+01:00",
        "filled: house  1.03%",
        "filled: system_demand of a  1.03%",
        "filled: system_demand of b  1.03%",
    ]
    found = check_dataset(folder).series["market"].values["price"][:, 0]
    at = 2 * DAY + 3  # the day has 25 hours
    assert found[at] == pytest.approx((found[at - 1] + found[at + 1]) / 2)


def test_much_that_is_filled_is_warned_of_in_every_table(tmp_path: Path) -> None:
    folder = autumn(tmp_path)
    lines = (folder / "market.csv").read_text().splitlines()
    (folder / "market.csv").write_text(
        "\n".join(line for n, line in enumerate(lines) if n % 8 != 3)
    )
    reported = [str(warning) for warning in check_dataset(folder).warnings]
    assert any(line.endswith("market.csv: 13% of the intervals are filled") for line in reported), (
        reported
    )
