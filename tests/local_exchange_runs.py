"""Runs of a village whose members share what their roofs generate, to be looked at."""

import tempfile
from functools import cache
from pathlib import Path

from hmesh.runs import load_scenario, start_run

VILLAGE = """
name: village
time_zone: Europe/Berlin
start: 2024-06-10T08:00
hours: 12
currency: EUR
seed: 3
strategies: [typical]
location: {latitude: 48.1, longitude: 11.6}
generation_cost: {quadratic: 1.0e-3, linear: 0.1, fixed: 0}
prices: {utility: [0, 0.6], aggregator: [0, 0.8]}
game: {solver: exact}
communities:
  village:
    members:
      - {kind: household, name: roofs, count: 5, annual_kwh: 4000, profile: h0, pv_kw: 2}
      - {kind: household, name: flats, count: 4, annual_kwh: 3000, profile: h0}
      - {kind: building, name: shop, annual_kwh: 9000, profile: g4}
      - {kind: household, name: cottages, count: 2, annual_kwh: 9000, profile: h0, pv_kw: 1}
    local_exchange: {}
  town:
    members:
      - {kind: household, name: people, count: 3, annual_kwh: 4000, profile: h0, pv_kw: 1.5}
      - {kind: building, name: hall, annual_kwh: 30000, profile: g1}
roads:
  - {between: [village, town], km: 10}
vehicles: {count: 0}
record: {accounts: all, local_members: true}
chance: {demand_noise: {household: {sigma: 0.4, correlation_h: 4}}}
plots: false
"""
LOCAL = "communities.village.local_exchange"
# The terms of the village by which runs are made, by the keys of its local exchange.
TERMS = {
    "none": "{allocation: none}",
    "static": "{allocation: static, shares: {flats: 3, roofs: 1, buildings: 5}, price: scarcity}",
    "static, passed on": "{allocation: static, pass_on: true, feed_in_price: 0.04}",
    "equal": "{allocation: equal, grid_fee: 0.03, fee_reduction: 0.4}",
    "consumption": "{allocation: consumption, seller_share: 0.8, feed_in_share: 0.2}",
    "need": "{allocation: need, grid_fee: 0.03, fee_reduction: 1.0, price: scarcity}",
}
_FOLDERS = tempfile.TemporaryDirectory(prefix="village-")


def village_file() -> Path:
    """Return the file of the scenario."""
    file = Path(_FOLDERS.name) / "village.yaml"
    file.write_text(VILLAGE)
    return file


@cache
def village(*changes: str) -> Path:
    """Return the folder of a finished run with changes; the same one for the same ones."""
    folder = Path(_FOLDERS.name) / str(len(list(Path(_FOLDERS.name).iterdir())))
    start_run(load_scenario(village_file(), changes), folder)
    return folder


def terms(name: str) -> Path:
    """Return the folder of a finished run by some of the terms."""
    return village(f"{LOCAL}={TERMS[name]}")
