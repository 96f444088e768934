"""Homes for tests: those of the published study, and any others."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.smart_home_profiles import smart_home_profile
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_day import Homes
from hmesh.markets.home_layout import Assignment, HomeLayout

# Photovoltaics and a fuel cell; an air conditioner before a ventilation fan.
STUDY_LAYOUT = HomeLayout(
    storages=2,
    generator_storage=(1, 0),
    load_storage=(0, 1),
    generator_rank=(0, 1),
    load_rank=(1, 0),
    priority=(1, 2),
)


def study_home(
    assignment: Assignment, profile: str, capacity_kwh: float = 100.0
) -> tuple[Homes, FloatArray]:
    """The published home, its stores without usable energy, and what its loads want."""
    day = smart_home_profile(profile)
    generation = np.stack([day["photovoltaics"], day["fuel_cell"]], axis=1)[:, None, :]
    demand = np.stack([day["air_conditioner"], day["ventilation_fan"]], axis=1)[:, None, :]
    bank = StorageBank.of((1, 2), capacity_kwh=capacity_kwh)
    return Homes(assignment, STUDY_LAYOUT, bank, generation, bank.at(0.2)), demand


def study_window(demand: FloatArray) -> NDArray[np.bool_]:
    """The air conditioner may be shifted within its wanted hours, the fan not at all."""
    window = demand > 0.0
    window[:, :, 1] = False
    return window


def random_homes(
    seed: int,
    assignment: Assignment,
    homes: int = 5,
    steps: int = 24,
    *,
    limited: bool = True,
    efficiency: float | None = None,
) -> tuple[Homes, FloatArray]:
    """Homes with any number of devices; stores that fill, empty and meet their ratings."""
    random = np.random.default_rng(seed)
    generators, loads, storages = random.integers(1, 4, 3)
    layout = HomeLayout(
        storages=int(storages),
        generator_storage=tuple(random.integers(0, storages, generators).tolist()),
        load_storage=tuple(random.integers(0, storages, loads).tolist()),
        generator_rank=tuple(random.permutation(int(generators)).tolist()),
        load_rank=tuple(random.permutation(int(loads)).tolist()),
        priority=tuple(random.permutation(int(loads)).tolist()),
    )
    shape = (homes, int(storages))
    bank = StorageBank.of(
        shape,
        capacity_kwh=random.uniform(1, 6, shape) if limited else 1000.0,
        power_kw=random.choice([0.4, 1.0, np.inf], shape) if limited else np.inf,
        charge_efficiency=efficiency or random.uniform(0.8, 1.0, shape),
        discharge_efficiency=efficiency or random.uniform(0.8, 1.0, shape),
    )
    generation = random.uniform(0, 1.2, (steps, homes, int(generators)))
    generation *= random.random(generation.shape) < 0.6
    slot = random.uniform(0.05, 1.0, (homes, int(loads)))
    demand = slot * (random.random((steps, homes, int(loads))) < 0.6)
    start = 0.2 + (random.uniform(0, 0.7, shape) if limited else 0.0)
    return Homes(assignment, layout, bank, generation, bank.at(start)), demand
