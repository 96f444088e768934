"""A year of load and sun of a made-up house, as a meter's portal writes it."""

import math
from datetime import datetime, timedelta
from pathlib import Path

HOURS = 8760


def energies(hour: int) -> tuple[float, float]:
    """Return load and generation of an hour of the year [kWh], to three decimal places."""
    day, h = divmod(hour, 24)
    season = 0.55 - 0.4 * math.cos(2 * math.pi * (day + 10) / 365)
    clear = 0.4 + 0.6 * ((day * 7919) % 10) / 9
    sun = max(math.sin((h - 6) / 12 * math.pi), 0) * season * clear * 5
    load = 0.25 + 0.35 * (7 <= h < 9) + 0.75 * (17 <= h < 23) + 0.1 * ((day * 31 + h * 17) % 7) / 7
    return round(load, 3), round(sun, 3)


def write_house(path: Path) -> None:
    """Write the year 2023 by standard time, with semicolons and decimal commas."""
    rows = ["Zeit;load [kWh];pv [kWh]"]
    for hour in range(HOURS):
        at = datetime(2023, 1, 1) + timedelta(hours=hour)
        cells = (f"{energy:.3f}".replace(".", ",") for energy in energies(hour))
        rows.append(";".join((f"{at:%d.%m.%Y %H:%M}", *cells)))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
