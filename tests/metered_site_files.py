"""Made-up files of meters: twelve buildings in one wide CSV, thirty households in quarter hours."""

import math
from datetime import datetime, timedelta
from pathlib import Path

BUILDINGS = tuple(f"hall {n + 1}" for n in range(12))
HOUSEHOLDS = tuple(f"flat {n + 1}" for n in range(30))


def building_kwh(building: int, at: datetime) -> float:
    """Return what a building uses in an hour [kWh], to one decimal place."""
    works = at.weekday() < 5 and 6 <= at.hour < 17 + building % 3
    bell = math.exp(-(((at.hour - 10 - building % 4) / 2.0) ** 2))
    season = 1 + 0.25 * math.cos(2 * math.pi * (at.timetuple().tm_yday - 20) / 365)
    noise = ((at.timetuple().tm_yday * 7919 + at.hour * 104729 + building * 1299709) % 97) / 97
    load = 6 + building + works * (10 + 2 * building + (25 + 4 * building) * bell)
    return round(load * season * (0.94 + 0.12 * noise), 1)


def household_kwh(household: int, at: datetime) -> float:
    """Return what a household uses in a quarter of an hour [kWh], to three decimal places."""
    hour = at.hour + at.minute / 60
    evening = math.exp(-(((hour - 19 - household % 3 / 2) / 2.2) ** 2))
    morning = 0.5 * math.exp(-(((hour - 7.5) / 1.2) ** 2))
    noon = 0.3 * math.exp(-(((hour - 12.5) / 2.0) ** 2))
    season = 1 + 0.2 * math.cos(2 * math.pi * (at.timetuple().tm_yday - 15) / 365)
    noise = ((at.timetuple().tm_yday * 31 + int(hour * 4) * 17 + household * 7) % 13) / 13
    load = (0.12 + 0.5 * evening + morning * 0.6 + noon) * season * (0.7 + 0.6 * noise)
    return round(load * (0.8 + 0.4 * (household % 5) / 4) / 4, 3)


def roof_kwh(at: datetime) -> float:
    """Return what 30 kW on a roof generate in a quarter of an hour [kWh], to three decimal places.

    Its year has 931 kWh for each kW.
    """
    day, hour = at.timetuple().tm_yday, at.hour + at.minute / 60
    season = 0.58 - 0.42 * math.cos(2 * math.pi * (day + 10) / 365)
    half = 4.1 + 3.6 * season
    clear = 0.25 + 0.75 * ((day * 7919) % 10) / 9
    bell = max(math.cos((hour - 11.2) / half * math.pi / 2), 0.0) if abs(hour - 11.2) < half else 0
    return round(30 * 0.82 * season * clear * bell / 4, 3)


def write_campus(path: Path, hours: int = 2 * 365 * 24) -> None:
    """Write 2022 and 2023 of twelve buildings, a column each, by standard time."""
    rows = ["time;" + ";".join(f"{name} [kWh]" for name in BUILDINGS)]
    for hour in range(hours):
        at = datetime(2022, 1, 1) + timedelta(hours=hour)
        cells = (f"{building_kwh(k, at):.1f}".replace(".", ",") for k in range(len(BUILDINGS)))
        rows.append(";".join((f"{at:%d.%m.%Y %H:%M}", *cells)))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_street(path: Path, quarters: int = 365 * 96) -> None:
    """Write 2023 of thirty households, a column each, and of their roof, in UTC."""
    rows = ["time," + ",".join(f"{name} [kWh]" for name in HOUSEHOLDS) + ",roof pv [kWh]"]
    for quarter in range(quarters):
        at = datetime(2023, 1, 1) + timedelta(minutes=15 * quarter)
        cells = (f"{household_kwh(k, at):.3f}" for k in range(len(HOUSEHOLDS)))
        rows.append(",".join((f"{at:%Y-%m-%dT%H:%M}Z", *cells, f"{roof_kwh(at):.3f}")))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
