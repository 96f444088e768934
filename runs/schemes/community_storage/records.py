"""What a simulation writes down of its storages, their households and their plans."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import write_rows

if TYPE_CHECKING:
    from hmesh.runs.schemes.community_storage.step import CommunityStorageSharing


def write_storages(writer: RowWriter, storage: "CommunityStorageSharing") -> None:
    """Write what every storage holds before the step and does in it."""
    controllers = storage.controllers
    done, own = controllers.done, controllers.population
    write_rows(
        writer,
        storage,
        "storages",
        {
            "storage": Coded(np.arange(len(controllers)), controllers.names),
            "stored_kwh": own["energy_kwh"],
            "generation_kwh": own["generation_kwh"],
            "charge_kwh": done.charge_kwh,
            "spilled_kwh": done.spilled_kwh,
            "delivered_kwh": storage.delivered_kwh,
            "grid_kwh": controllers.grid_kwh,
            "alpha": own["alpha"],
        },
    )


def write_households(writer: RowWriter, storage: "CommunityStorageSharing") -> None:
    """Write what every household uses and expects, and what it is granted and draws."""
    controllers, households = storage.controllers, storage.households
    own = households.population
    place = np.zeros(len(households), dtype=np.int64)
    there = controllers.served >= 0
    place[controllers.served[there]] = np.nonzero(there)[1] + 1
    names = list(dict.fromkeys(storage.shared.groups))
    position = {name: code for code, name in enumerate(names)}
    group = np.array([position[name] for name in storage.shared.groups], dtype=np.int64)
    write_rows(
        writer,
        storage,
        "storage_households",
        {
            "household": np.arange(len(households)),
            "group": Coded(group, names),
            "storage": Coded(households.storage_of, controllers.names),
            "demand_kwh": own["demand_kwh"],
            "forecast_kwh": own["forecast_kwh"],
            "used_kwh": own["used_kwh"],
            "average_kwh": controllers.average_kwh,
            "place": place,
            "granted_kwh": controllers.granted_kwh,
            "drawn_kwh": controllers.drawn_kwh,
        },
    )


def write_plans(writer: RowWriter, storage: "CommunityStorageSharing") -> None:
    """Write the outcome of every alpha where a plan was made, and the courses of the first plan."""
    simulation, names = storage.simulation, storage.controllers.names
    for row, plan in enumerate(storage.plans):
        write_rows(
            writer,
            storage,
            "storage_plans",
            {
                "storage": names[row],
                "alpha": plan.alpha,
                "delivered_kwh": plan.delivered_kwh,
                "final_kwh": plan.final_kwh,
                "chosen": (plan.alpha == plan.chosen).astype(np.int64),
            },
        )
        if simulation.step_index == 0:
            slots, count = plan.stored_kwh.shape
            writer.add(
                "storage_courses",
                {
                    "step": np.tile(np.arange(slots), count),
                    "strategy": simulation.strategy,
                    "storage": names[row],
                    "alpha": np.repeat(plan.alpha, slots),
                    "stored_kwh": plan.stored_kwh.T.ravel(),
                },
            )
