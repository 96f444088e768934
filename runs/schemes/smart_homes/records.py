"""What a simulation writes down of its smart homes."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.power_flow_assignment import storage_edges
from hmesh.markets.storage_capacity import StateOfCharge, dynamic_capacity, published_capacity
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import write_rows
from hmesh.runs.schemes.store_answers import StoreList

if TYPE_CHECKING:
    from hmesh.runs.schemes.smart_homes.group_flows import GroupOfAStep
    from hmesh.runs.schemes.smart_homes.setting import SmartHomeSetting
    from hmesh.runs.schemes.smart_homes.step import SmartHomeSharing


GRID, CURTAILED = "grid", "curtailed"


def recorded_homes(setting: "SmartHomeSetting", wanted: str | int) -> list[int]:
    """Return how many homes of each group, counted from the first of all, are written down."""
    left = wanted if isinstance(wanted, int) else (2**62 if wanted == "all" else 0)
    recorded = []
    for group in setting.groups:
        recorded.append(min(left, group.homes))
        left -= recorded[-1]
    return recorded


def first_homes(setting: "SmartHomeSetting") -> list[int]:
    """Return the number of the first home of each group."""
    return np.cumsum([0, *(group.homes for group in setting.groups[:-1])]).tolist()


def write_homes(writer: RowWriter, sharing: "SmartHomeSharing") -> None:
    """Write who the recorded homes are."""
    setting = sharing.setting
    names = sharing.simulation.setting.communities
    for group, first, homes in _groups(sharing):
        writer.add(
            "homes",
            {
                "home": first + np.arange(homes),
                "group": setting.groups[group].settings.name,
                "community": names[setting.groups[group].community],
                "member": list(setting.groups[group].names[:homes]) or None,
            },
        )


def write_day(writer: RowWriter, sharing: "SmartHomeSharing") -> None:
    """Write the results of admission control, and on the first day the capacity it takes."""
    for group, first, homes in _groups(sharing):
        agents = sharing.groups[group]
        plan = agents.plan
        assert plan is not None
        wanted = np.stack([a.population.steps_kwh for a in agents.appliances], axis=2)
        write_rows(
            writer,
            sharing,
            "home_days",
            {
                "home": first + np.arange(homes),
                "steps": sharing.steps,
                "wanted_slots": _slots(wanted, homes),
                "granted_slots": _slots(plan.granted_kwh, homes),
                "committed_slots": _slots(agents.committed_kwh, homes),
                "before_kwh": plan.before_kwh[:homes],
                "after_kwh": plan.after_kwh[:homes],
                "exact": plan.exact[:homes].astype(np.int64),
            },
        )
        if sharing.first_step == 0:
            _write_capacity(writer, sharing, group, first)


def _write_capacity(writer: RowWriter, sharing: "SmartHomeSharing", group: int, first: int) -> None:
    """Write what the first home of a group needs to store on the first day."""
    agents, settings = sharing.groups[group], sharing.setting.groups[group].settings
    storage, sizing = settings.storages[0], sharing.setting.settings.sizing
    charge = StateOfCharge(
        sizing.soc_start,
        storage.soc_min,
        storage.soc_max,
        storage.charge_efficiency,
        storage.discharge_efficiency,
    )
    generation, _ = agents.known()
    day = (
        agents.control.assignment,
        agents.layout,
        generation[:, 0],
        agents.committed_kwh[:, 0],
        charge,
    )
    writer.add(
        "home_capacities",
        {
            "strategy": sharing.simulation.strategy,
            "home": first,
            "storage": [storage.name for storage in settings.storages],
            "published_kwh": published_capacity(*day, sizing.window),
            "dynamic_kwh": dynamic_capacity(*day),
        },
    )


def write_step(writer: RowWriter, sharing: "SmartHomeSharing") -> None:
    """Write the flows of the step: the totals of every group, and those of recorded homes."""
    for of_group, held in zip(sharing.of_step, sharing.setting.groups, strict=True):
        totals = {"group": held.settings.name} | of_group.totals_kwh
        write_rows(writer, sharing, "home_groups", totals)
    if sharing.answers is not None:
        sharing.answers.record(writer, _written(sharing, sharing.answers.listed.owner))
    for group, first, homes in _groups(sharing):
        of_group = sharing.of_step[group]
        settings = sharing.setting.groups[group].settings
        number = first + np.arange(homes)
        appliances = [device.name for device in settings.appliances]
        rows = slice(homes)
        write_rows(
            writer,
            sharing,
            "home_appliances",
            _device_rows(number, "appliance", appliances)
            | {
                "wanted_kwh": of_group.wanted_kwh[rows].ravel(),
                "committed_kwh": of_group.demand_kwh[rows].ravel(),
                "served_kwh": of_group.served_kwh[rows].ravel(),
                "imported_kwh": of_group.imported_kwh[rows].ravel(),
            },
        )
        flows = of_group.flows
        storages = [device.name for device in settings.storages]
        write_rows(
            writer,
            sharing,
            "home_storages",
            _device_rows(number, "storage", storages)
            | {
                "energy_kwh": of_group.energy_kwh[rows].ravel(),
                "charge_kwh": flows.charge_kwh[rows].ravel(),
                "discharge_kwh": flows.discharge_kwh[rows].ravel(),
                "losses_kwh": of_group.losses_kwh[rows].ravel(),
            },
        )
        _write_flows(writer, sharing, group, of_group, number)


def _written(sharing: "SmartHomeSharing", owner: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return which storages are those of recorded homes, by the homes that own them."""
    there = np.zeros(sum(group.homes for group in sharing.setting.groups), dtype=np.bool_)
    for _, first, homes in _groups(sharing):
        there[first : first + homes] = True
    return np.flatnonzero(there[owner])


def listed_storages(setting: "SmartHomeSetting") -> StoreList:
    """Return the storages of connected homes as tables list them, home by home."""
    connected = [
        (group, first)
        for group, first in zip(setting.groups, first_homes(setting), strict=True)
        if group.node >= 0
    ]
    names = list(dict.fromkeys(s.name for group, _ in connected for s in group.settings.storages))
    owner, storage, of_group = [], [], []
    groups: list[tuple[str, str]] = []
    for group, first in connected:
        stores = [each.name for each in group.settings.storages]
        owner.append(first + np.repeat(np.arange(group.homes), len(stores)))
        storage.append(np.tile([names.index(name) for name in stores], group.homes))
        of_group.append(np.tile(len(groups) + np.arange(len(stores)), group.homes))
        groups += [(group.settings.name, name) for name in stores]
    return StoreList(
        np.concatenate(owner), np.concatenate(storage), names, np.concatenate(of_group), groups
    )


def _write_flows(
    writer: RowWriter,
    sharing: "SmartHomeSharing",
    group: int,
    of_group: "GroupOfAStep",
    number: NDArray[np.intp],
) -> None:
    """Write every flow above zero, from device to device."""
    settings, flows = sharing.setting.groups[group].settings, of_group.flows
    generators = [device.name for device in settings.generators]
    appliances = [device.name for device in settings.appliances]
    storages = [device.name for device in settings.storages]
    names = [*generators, *storages, *appliances, GRID, CURTAILED]
    homes = sharing.groups[group]
    charged, drawn = storage_edges(homes.control.assignment, homes.layout, flows)
    pieces = []
    for sources, targets, energies in (
        (generators, appliances, flows.direct_kwh),
        (generators, storages, charged),
        (storages, appliances, drawn),
        ([GRID], appliances, of_group.imported_kwh[:, None, :]),
        (generators, [GRID], of_group.exported_kwh[:, :, None]),
        (generators, [CURTAILED], of_group.curtailed_kwh[:, :, None]),
    ):
        home, source, target = np.nonzero(energies[: len(number)] > 0.0)
        of_source = np.array([names.index(name) for name in sources], dtype=np.int32)
        of_target = np.array([names.index(name) for name in targets], dtype=np.int32)
        if home.size:
            flow = energies[home, source, target]
            pieces.append((number[home], of_source[source], of_target[target], flow))
    if pieces:
        home, source, target, energy = (
            np.concatenate(column) for column in zip(*pieces, strict=True)
        )
        write_rows(
            writer,
            sharing,
            "home_flows",
            {
                "home": home,
                "source": Coded(source, names),
                "target": Coded(target, names),
                "energy_kwh": energy,
            },
        )


def _groups(sharing: "SmartHomeSharing") -> list[tuple[int, int, int]]:
    """Return each group with recorded homes: its place, its first home, how many are recorded."""
    setting = sharing.setting
    recorded = recorded_homes(setting, sharing.simulation.setting.scenario.record.homes)
    return [
        (group, first, homes)
        for group, (first, homes) in enumerate(zip(first_homes(setting), recorded, strict=True))
        if homes
    ]


def _device_rows(number: NDArray[np.intp], kind: str, names: list[str]) -> dict[str, Any]:
    """Return home and device of every row, home by home."""
    codes = np.tile(np.arange(len(names)), len(number))
    return {"home": np.repeat(number, len(names)), kind: Coded(codes, names)}


def _slots(energies_kwh: FloatArray, homes: int) -> NDArray[np.intp]:
    slots: NDArray[np.intp] = np.count_nonzero(energies_kwh[:, :homes] > 0.0, axis=(0, 2))
    return slots
