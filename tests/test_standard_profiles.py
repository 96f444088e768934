"""Standard load profiles follow the published figures and sum to 1,000 kWh in every year."""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError
from hmesh.environment.standard_profiles import (
    DYNAMIC,
    PROFILES,
    StandardProfiles,
    dynamisation,
    season_of,
)


def day_kw(start: str, names: tuple[str, ...] = PROFILES, country: str | None = None) -> FloatArray:
    profiles = StandardProfiles(Calendar(start, "Europe/Berlin", 1, country), names)
    return np.array([profiles.power_kw(step) for step in range(24)])


@pytest.mark.parametrize(
    ("day", "season"),
    [
        ("2024-03-20", "winter"),
        ("2024-03-21", "transition"),
        ("2024-05-14", "transition"),
        ("2024-05-15", "summer"),
        ("2024-09-14", "summer"),
        ("2024-09-15", "transition"),
        ("2024-10-31", "transition"),
        ("2024-11-01", "winter"),
        ("2024-01-01", "winter"),
    ],
)
def test_seasons_change_on_the_published_dates(day: str, season: str) -> None:
    assert season_of(date.fromisoformat(day)) == season


def test_the_dynamisation_is_the_published_polynomial() -> None:
    assert dynamisation(0) == 1.24
    days = np.arange(1, 366)
    expected = -3.92e-10 * days**4 + 3.2e-7 * days**3 - 7.02e-5 * days**2 + 2.1e-3 * days + 1.24
    np.testing.assert_allclose(
        np.array([dynamisation(float(day)) for day in days]), expected, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "day"),
    # The days for which the table was written: Wednesdays of a year without holidays.
    [
        ("winter", "2023-01-18"),
        ("spring", "2023-04-19"),
        ("summer", "2023-07-19"),
        ("fall", "2023-10-18"),
    ],
)
def test_hourly_means_are_the_published_ones(shared: Path, name: str, day: str) -> None:
    with (shared / "specs" / "bdew_standard_profiles.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["day"] == name]
    for column in (*(f"g{number}" for number in range(7)), "h0"):
        published = [float(row[column]) for row in rows]
        np.testing.assert_allclose(day_kw(day, (column,))[:, 0], published, rtol=1e-4)
    published = [float(row["h0_dyn"]) for row in rows]
    np.testing.assert_allclose(day_kw(day, ("h0_dynamic",))[:, 0], published, rtol=3e-3)


@pytest.mark.parametrize("year", [2019, 2021, 2024, 2026])
def test_other_years_differ_by_their_number_of_working_days(shared: Path, year: int) -> None:
    with (shared / "specs" / "bdew_standard_profiles.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["day"] == "winter"]
    names = ("h0", *(f"g{number}" for number in range(7)))
    published = [[float(row[name]) for name in names] for row in rows]
    wednesday = next(
        day for day in (date(year, 1, 10) + timedelta(n) for n in range(7)) if day.weekday() == 2
    )
    np.testing.assert_allclose(day_kw(str(wednesday), names), published, rtol=5e-3)


def test_quarter_hours_are_the_published_figures_times_one_factor() -> None:
    calendar = Calendar("2023-01-18", "Europe/Berlin", 0.25)
    profiles = StandardProfiles(calendar, ["h0"])
    first_kw = np.array([profiles.power_kw(step)[0] for step in range(6)])
    published_kw = np.array([0.0676, 0.06084, 0.05488, 0.04992, 0.04624, 0.04364])
    np.testing.assert_allclose(first_kw / published_kw, first_kw[0] / published_kw[0], rtol=1e-12)
    assert first_kw[0] / published_kw[0] == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize(
    ("year", "zone", "country"),
    [
        (2023, "Europe/Berlin", None),
        (2024, "Europe/Berlin", "DE"),
        (2025, "Asia/Tokyo", "JP"),
        (2024, "Australia/Lord_Howe", None),
        (2018, "America/Sao_Paulo", None),
        (2010, "America/St_Johns", None),
        (2011, "Pacific/Apia", None),
    ],
)
def test_every_year_sums_to_1000_kwh(year: int, zone: str, country: str | None) -> None:
    calendar = Calendar(f"{year}-01-01", zone, 1.0, country)
    profiles = StandardProfiles(calendar, PROFILES)
    energy_kwh, step = np.zeros(len(PROFILES)), 0
    while calendar.date_of(step).year == year:
        energy_kwh += profiles.power_kw(step)
        step += 1
    assert step in (8760, 8784, 8760 - 24)
    np.testing.assert_allclose(energy_kwh, 1000.0, rtol=1e-12)


@settings(max_examples=40)
@given(
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    start=st.datetimes().map(lambda time: time.replace(year=2024, second=0, microsecond=0)),
    step_h=st.sampled_from([0.25, 0.1, 0.4, 1.0, 1 / 3, 7.0, 24.0, 100.0]),
)
def test_steps_of_any_length_hold_the_same_energy(zone: str, start: object, step_h: float) -> None:
    begins = f"{start}+00:00"
    names = ("h0_dynamic", "g1")
    coarse = StandardProfiles(Calendar(begins, zone, step_h), names)
    fine = StandardProfiles(Calendar(begins, zone, step_h / 4), names)
    for step in range(3):
        parts_kw = [fine.power_kw(4 * step + part) for part in range(4)]
        np.testing.assert_allclose(np.mean(parts_kw, axis=0), coarse.power_kw(step), rtol=1e-6)


def test_holidays_are_sundays_and_the_last_days_of_the_year_saturdays() -> None:
    unity_day, sunday = day_kw("2024-10-03", country="DE"), day_kw("2024-10-06", country="DE")
    static = [name not in DYNAMIC for name in PROFILES]
    np.testing.assert_array_equal(unity_day[:, static], sunday[:, static])
    saturday = day_kw("2024-12-21")
    for day in ("2024-12-24", "2024-12-31"):
        np.testing.assert_array_equal(day_kw(day)[:, static], saturday[:, static])
    # In 2023 both are Sundays, and stay so.
    np.testing.assert_array_equal(day_kw("2023-12-24")[:, static], day_kw("2023-12-17")[:, static])


def test_wall_clock_decides_when_the_clocks_change() -> None:
    autumn, plain = day_kw("2024-10-27", ("g5",)), day_kw("2024-10-20", ("g5",))
    np.testing.assert_allclose(autumn[:3], plain[:3], rtol=1e-12)
    np.testing.assert_allclose(autumn[3:], plain[2:23], rtol=1e-12)
    spring, plain = day_kw("2024-03-31", ("g5",)), day_kw("2024-03-24", ("g5",))
    np.testing.assert_allclose(spring[:2], plain[:2], rtol=1e-12)
    np.testing.assert_allclose(spring[2:23], plain[3:], rtol=1e-12)


@pytest.mark.parametrize("step_h", [0.75, 1.0])
def test_a_day_at_once_has_the_bits_of_its_steps(
    step_h: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clocks change on the 26th, which is worked out step by step.
    calendar = Calendar("2023-03-24T00:30", "Europe/Berlin", step_h)
    whole = StandardProfiles(calendar, PROFILES)
    found = [whole.power_kw(step) for step in range(round(96 / step_h))]
    assert whole._steps_of(date(2023, 3, 25)) is not None
    assert whole._steps_of(date(2023, 3, 26)) is None
    monkeypatch.setattr(StandardProfiles, "_steps_of", lambda self, day: None)
    single = StandardProfiles(calendar, PROFILES)
    assert all((single.power_kw(step) == power).all() for step, power in enumerate(found))


def test_steps_may_be_asked_in_any_order() -> None:
    profiles = StandardProfiles(Calendar("2023-12-30", "Europe/Berlin"), ["h0_dynamic", "h0"])
    forward = [profiles.power_kw(step) for step in range(24 * 20)]
    backward = [profiles.power_kw(step) for step in reversed(range(24 * 20))]
    np.testing.assert_array_equal(forward, backward[::-1])


def test_names_may_repeat_and_keep_their_order() -> None:
    power_kw = day_kw("2024-01-10", ("g1", "h0", "g1"))
    np.testing.assert_array_equal(power_kw[:, 0], power_kw[:, 2])
    assert (power_kw[:, 0] != power_kw[:, 1]).any()
    assert day_kw("2024-01-10", ()).shape == (24, 0)


def test_unknown_profiles_are_reported_all_at_once() -> None:
    with pytest.raises(InputError, match="g4 shops and hairdressers") as error:
        StandardProfiles(Calendar("2024-01-01", "Europe/Berlin"), ["H0", "g9", "h0", "heat pump"])
    assert [problem.suggestion for problem in error.value.problems] == ["h0", "", ""]


@pytest.mark.parametrize(
    ("name", "day", "quarter", "published_kwh"),
    [
        # As printed in the tables of 2025, kWh of a quarter hour for 1,000,000 kWh a year.
        ("h25", "2025-01-04", "00:00", 22.152),
        ("h25", "2025-01-05", "00:15", 21.985),
        ("h25", "2025-12-03", "00:30", 17.714),
        ("h25", "2025-07-02", "00:00", 25.976),
    ],
)
def test_profiles_of_2025_are_the_published_ones(
    name: str, day: str, quarter: str, published_kwh: float
) -> None:
    calendar = Calendar(f"{day}T{quarter}", "Europe/Berlin", 0.25)
    power = StandardProfiles(calendar, [name]).power_kw(0)[0]
    factor = dynamisation(float(date.fromisoformat(day).timetuple().tm_yday))
    # Exact but for the three digits printed, once the year is scaled to 1,000 kWh: that factor is
    # worked out apart, from the printed tables and the calendar of 2025.
    due = published_kwh * factor * 4 / 1000 * (1_000_000 / _year_of_2025(name))
    assert power == pytest.approx(due, rel=0.0005 / published_kwh)
    evening = Calendar(f"{day}T19:00", "Europe/Berlin", 0.25)
    scale = StandardProfiles(evening, [name]).power_kw(0)[0] / power
    both = StandardProfiles(evening, ["g0", name]).power_kw(0)
    assert both[1] == pytest.approx(scale * power, rel=1e-12)


def test_households_with_modules_draw_less_at_noon_and_with_a_battery_in_the_evening() -> None:
    names = ("h25", "p25", "s25")
    power = day_kw("2025-06-11", names)
    assert power[12, 1] < power[12, 0]
    assert power[19, 2] < power[19, 1]


def _year_of_2025(name: str) -> float:
    """Return what the printed figures of a profile amount to in 2025 [kWh], day by day.

    A day of 23 hours lacks the hour from 2:00, one of 25 has it twice.
    """
    folder = Path(__file__).parents[1] / "environment" / "data"
    days: dict[tuple[int, str], list[float]] = {}
    with (folder / "standard_load_profiles_2025.csv").open() as file:
        for row in csv.DictReader(file):
            days.setdefault((int(row["month"]), row["day_type"]), []).append(float(row[name]))
    total = 0.0
    for number in range(365):
        day = date(2025, 1, 1) + timedelta(number)
        kind = {5: "saturday", 6: "sunday"}.get(day.weekday(), "weekday")
        if (day.month, day.day) in ((12, 24), (12, 31)) and kind == "weekday":
            kind = "saturday"
        figures = days[day.month, kind]
        energy = sum(figures)
        if day == date(2025, 3, 30):
            energy -= sum(figures[8:12])
        if day == date(2025, 10, 26):
            energy += sum(figures[8:12])
        total += energy * dynamisation(float(number + 1))
    return total
