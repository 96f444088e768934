"""Datasets made from the shared measured data, with the oddities that its notes mention."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml


def _write(folder: Path, tables: dict[str, pd.DataFrame], **described: Any) -> Path:
    """Write the tables and their description; `settings` states where a table differs."""
    folder.mkdir(parents=True)
    settings = described.pop("settings", {})
    files: dict[str, Any] = {}
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
        files[name] = {"files": [f"{name}.parquet"], **settings.get(name, {})}
    given = {
        "schema": 1, "name": folder.name, "clock": "utc", "labels": "start", "resolution": 60,
        **described, "tables": files,
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    return folder


def _read(path: Path, **names: str) -> pd.DataFrame:
    table = pd.read_parquet(path, columns=list(names)).rename(columns=names)
    for column in table.select_dtypes("category"):
        table[column] = table[column].astype(str)
    return table


def uk_buildings(data: Path, folder: Path) -> Path:
    """Write a year of 39 buildings in UTC, the weather labelled by the end of the hour."""
    folder_ = data / "buildings"
    meta = pd.read_csv(folder_ / "buildings_uk_2013-04_2014-03_meta.csv")
    members = pd.DataFrame(
        {
            "member": meta["building_id"],
            "kind": "building",
            "community": np.where(meta["closed_days_per_week"] == 0, "malls", "offices"),
            "annual_kwh": meta["annual_kwh"],
            "floor_area_m2": meta["gross_floor_area_m2"],
        }
    )
    profiles = _read(
        folder_ / "buildings_uk_2013-04_2014-03_hourly.parquet",
        timestamp_utc="time", building_id="member", electricity_kwh="load_kwh",
    )  # fmt: skip
    weather = _read(
        data / "weather" / "weather_uk_bedford_2013_2014_hourly.parquet",
        timestamp_utc_hour_ending="time", temp_air_c="temp_air",
        relative_humidity_pct="relative_humidity", ghi_w_m2="ghi",
    )  # fmt: skip
    carbon = _read(
        data / "prices_carbon" / "carbon_gb_2013_2014_2019_hourly.parquet",
        timestamp_utc="time", carbon_kg_per_kwh="carbon",
    )  # fmt: skip
    return _write(
        folder,
        {"members": members, "profiles": profiles, "weather": weather, "market": carbon},
        settings={"weather": {"labels": "end"}},
        time_zone="Europe/London", start="2013-04-01T00:00", end="2014-04-01T00:00",
        holidays={"country": "GB", "subdivision": "ENG"}, licence="MIT; OGL 3.0; NESO",
    )  # fmt: skip


def us_houses(data: Path, folder: Path) -> Path:
    """Write a year of 11 houses with photovoltaics by a wall clock, and their tariff."""
    profiles = _read(
        data / "households" / "households_us_fontana_2016-08_2017-07_hourly.parquet",
        timestamp_local="time", house_id="member", load_kwh="load_kwh", pv_kwh="pv_kwh",
    )  # fmt: skip
    market = _read(
        data / "prices_carbon" / "carbon_tariff_us_ca_2016-08_2017-07_hourly.parquet",
        timestamp_local="time", tariff_usd_per_kwh="price", carbon_kg_per_kwh="carbon",
    )  # fmt: skip
    return _write(
        folder,
        {"profiles": profiles, "market": market},
        time_zone="America/Los_Angeles", clock="wall", currency="USD",
        start="2016-07-31T23:00", end="2017-07-31T23:00", licence="MIT",
    )  # fmt: skip


def au_houses(data: Path, folder: Path) -> Path:
    """Write 21 months of 5 houses at half hours, with gaps of up to 17 days."""
    profiles = _read(
        data / "households" / "households_au_sgsc_2012-2014_30min.parquet",
        timestamp_local="time", house_id="member", load_kwh="load_kwh",
    )  # fmt: skip
    return _write(
        folder,
        {"profiles": profiles},
        time_zone="Australia/Sydney", clock="wall", resolution=30, gaps="allow",
        start="2012-06-01T00:00", end="2014-02-01T00:00", licence="CC BY 3.0 AU",
    )  # fmt: skip


def au_sunny_house(data: Path, folder: Path) -> Path:
    """Write a year of a house with photovoltaics at half hours."""
    profiles = _read(
        data / "households" / "household_au_ausgrid12_2011-07_2012-06_30min.parquet",
        timestamp_local="time", house_id="member", load_kwh="load_kwh", pv_kwh="pv_kwh",
    )  # fmt: skip
    return _write(
        folder,
        {"profiles": profiles},
        time_zone="Australia/Sydney", clock="wall", resolution=30,
        start="2011-07-01T00:00", end="2012-07-01T00:00", licence="CC BY 4.0",
    )  # fmt: skip


def steel_plant(data: Path, folder: Path) -> Path:
    """Write a year of a plant at quarter hours."""
    profiles = _read(
        data / "buildings" / "industry_kr_steel_2018_15min.parquet",
        timestamp_local="time", electricity_kwh="load_kwh",
    )  # fmt: skip
    return _write(
        folder,
        {"profiles": profiles.assign(member="plant")},
        time_zone="Asia/Seoul", clock="wall", resolution=15,
        start="2018-01-01T00:00", end="2019-01-01T00:00", licence="CC BY 4.0",
    )  # fmt: skip


def european_prices(data: Path, folder: Path) -> Path:
    """Write a year of day-ahead prices, some of them negative."""
    prices = _read(
        data / "prices_carbon" / "day_ahead_de_2019_hourly.parquet",
        timestamp_utc="time", price_eur_per_mwh="price",
    )  # fmt: skip
    return _write(
        folder,
        {"market": prices.assign(price=prices["price"] / 1000.0)},
        time_zone="Europe/Berlin", currency="EUR",
        start="2019-01-01T00:00", end="2020-01-01T00:00", licence="CC BY 4.0",
    )  # fmt: skip


def us_weather(data: Path, folder: Path) -> Path:
    """Write a year of weather in standard time."""
    weather = _read(
        data / "weather" / "weather_us_fortcollins_2018_nsrdb_hourly.parquet",
        timestamp_std="time", ghi_w_m2="ghi", dni_w_m2="dni", dhi_w_m2="dhi",
        temp_air_c="temp_air", wind_speed_m_s="wind_speed",
    )  # fmt: skip
    return _write(
        folder,
        {"weather": weather},
        time_zone="America/Denver", clock="standard",
        start="2018-01-01T00:00", end="2019-01-01T00:00", licence="CC BY",
    )  # fmt: skip


def us_demand(data: Path, folder: Path) -> Path:
    """Write three years of the demand of three regions, labelled by the end of the hour."""
    demand = _read(
        data / "system_demand" / "demand_us_eia930_2021_2023_hourly.parquet",
        timestamp_utc_hour_ending="time", region="region", demand_mw="demand_kw",
    )  # fmt: skip
    first = demand["time"].min() - pd.Timedelta(hours=1)
    return _write(
        folder,
        {"system_demand": demand.assign(demand_kw=demand["demand_kw"] * 1000.0)},
        time_zone="America/Chicago", labels="end", licence="CC BY 4.0",
        start=f"{first:%Y-%m-%dT%H:%M}", end=f"{demand['time'].max():%Y-%m-%dT%H:%M}",
    )  # fmt: skip


def uk_charging(data: Path, folder: Path) -> Path:
    """Write a year of public charging sessions."""
    sessions = _read(
        data / "ev_sessions" / "ev_sessions_uk_perth_kinross_2018-09_2019-08.parquet",
        plug_in_local="plug_in", plug_out_local="plug_out", energy_kwh="energy_kwh",
        charge_point_id="charge_point",
    )  # fmt: skip
    return _write(
        folder,
        {"charging_sessions": sessions},
        time_zone="Europe/London", clock="wall", licence="OGL 3.0",
        start="2018-09-01T00:00", end="2019-09-01T00:00",
    )  # fmt: skip


def us_tours(data: Path, folder: Path) -> Path:
    """Write a tour of each vehicle; they state no clock times, so it leaves at a drawn one."""
    tours = pd.read_parquet(data / "trips" / "vehicle_tours_us_nhts2001.parquet")
    used = tours["starts_home"] & tours["ends_home"] & tours["vehicle_no"].notna()
    tours = tours[used & (tours["distance_km"] > 0) & (tours["travel_time_min"] > 0)]
    tours = tours.drop_duplicates(["household_id", "vehicle_no"])
    departs = np.random.default_rng(1).integers(6 * 60, 10 * 60, len(tours))
    arrives = departs + (tours["travel_time_min"] + tours["dwell_time_min"]).to_numpy()
    last = 72 * 60
    trips = pd.DataFrame(
        {
            "vehicle": tours["household_id"] + "-" + tours["vehicle_no"].astype(str),
            "departs": [f"{minute // 60:02d}:{minute % 60:02d}" for minute in departs],
            "arrives": [f"{m // 60:02d}:{m % 60:02d}" for m in np.minimum(arrives, last)],
            "km": tours["distance_km"],
            "origin": "home",
            "destination": "home",
        }
    )
    return _write(
        folder,
        {"vehicles": trips[["vehicle"]], "trips": trips},
        time_zone="America/New_York", clock="wall", licence="Apache-2.0",
        start="2001-01-01T00:00", end="2002-01-01T00:00",
    )  # fmt: skip


SHARED: dict[str, Callable[[Path, Path], Path]] = {
    function.__name__: function
    for function in (
        uk_buildings, us_houses, au_houses, au_sunny_house, steel_plant, european_prices,
        us_weather, us_demand, uk_charging, us_tours,
    )
}  # fmt: skip
