"""Small runs of every scheme.

`benchmarks/tampering.py` changes their results place by place, and `tests/fixtures/write_runs.py`
keeps them with each release.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hmesh.runs import Scenario

METERED_SITES = "metered-sites"
# What is changed in built-in scenarios; none of these has metered sites.
SMALL_RUNS: dict[str, tuple[str, ...]] = {
    "three-communities": (
        "vehicles.count=8", "hours=6", "start='2023-01-16T06:00'", "game.solver=exact",
        "messages.keep=all", "communities.homes.feeder.loss_rate=0.05", "record.sessions=true",
        "record.events=true", "record.accounts=all", "grid.limits=keep",
        "communities.homes.feeder.rating_kw=900", "strategies=[typical, two_level, three_level]",
    ),
    "school-buses": (
        "hours=33", "game.solver=exact", "record.accounts=all",
        "school_buses.groups=[{name: a, community: rochester, schools: 3, buses: 2}]",
    ),
    "smart-home": ("hours=24", "record.accounts=all"),
    "battery-sharing": ("hours=24", "communities.district.members.0.businesses=6"),
    "community-storage": ("hours=8",),
    "composite-storage": ("years=null", "hours=24"),
    METERED_SITES: (),
    "suburbs": (
        "hours=5", "start='2024-03-11T06:00'", "vehicles.groups.0.count=8",
        "vehicles.groups.1.count=3", "vehicles.groups.2.count=4", "vehicles.groups.3.count=3",
        "record.events=true",
    ),
    "two-voltage-levels": (
        "hours=11", "vehicles.count=8", "record.sessions=true", "record.accounts=all",
    ),
    "one-city": (
        "hours=3", "start='2023-01-16T07:00'", "vehicles.count=12", "record.local_members=true",
        "smart_homes.groups.0.count=4", "composite_storage.groups.0.count=4",
        "strategies=[nobody_shares, everybody_shares]", "communities.suburb.members.1.count=6",
    ),
}  # fmt: skip
STATED = "count: 2, load: {annual_kwh: 9.0e+3}"
SITES = """
name: metered-sites
time_zone: Europe/Berlin
currency: EUR
start: "2024-01-30T00:00"
hours: 24
communities: {works: {members: []}}
strategies: [sites_without_devices, self_consuming_sites, sites_on_tariff, pooled_sites]
metered_sites:
  groups:
    - {name: halls, community: works, LOADS, battery_kwh: 5,
       photovoltaics: {pv_kw: 6, tilt: 25, azimuth: 180}}
  tariff:
    bands: [{hours: [22, 6], price: 0.2}, {price: 0.3}]
    feed_in: 0.08
    base_charge_per_month: 31
    demand_charges: [{price_per_kw: 9, interval: 60}]
location: {latitude: 48.1, longitude: 11.6}
record: {accounts: all}
"""


def small_run(name: str, folder: Path, loads: str = STATED) -> "Scenario":
    """Return the scenario of a small run, without pictures.

    Parameters
    ----------
    name : str
        One of `SMALL_RUNS`.
    folder : Path
        Where the scenario of metered sites is written.
    loads : str, optional
        How many sites there are, and their loads. A run that is kept names no file.
    """
    from hmesh.runs import load_scenario

    source = name
    if name == METERED_SITES:
        path = folder / f"{name}.yaml"
        path.write_text(SITES.replace("LOADS", loads), encoding="utf-8")
        source = str(path)
    return load_scenario(source, [*SMALL_RUNS[name], "plots=false"])
