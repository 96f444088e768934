"""The tables of smart homes, put into arrays for an audit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.answers_of_stores import AnswersOfStores
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import (
    Columns,
    DamagedTableError,
    TableReader,
    framed,
    refuse_disorder,
    refuse_mixed,
)
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.smart_homes.audit_flows import FlowRows
from hmesh.runs.schemes.smart_homes.records import CURTAILED, GRID, first_homes
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.schemes.smart_homes.setting import SUMS, HomeGroup, SmartHomeSetting
from hmesh.runs.strategy_names import strategies_within

# Totals that the tables of homes settle.
DETAILS = SUMS


@dataclass(frozen=True, slots=True)
class GroupTables:
    """What the tables say of the recorded homes of a group.

    Attributes
    ----------
    group : HomeGroup
        The group.
    first, homes : int
        Number of its first home, and how many are recorded.
    appliances, storages : dict of array, shape (steps, strategies, homes, devices)
        Columns of home_appliances and home_storages.
    direct : array, shape (steps, strategies, homes, generators, loads)
        From generators straight to appliances [kWh].
    charged : array, shape (steps, strategies, homes, generators, storages)
        From generators to storages [kWh].
    drawn : array, shape (steps, strategies, homes, storages, loads)
        From storages to appliances [kWh].
    imported : array, shape (steps, strategies, homes, loads)
        From the grid to appliances [kWh].
    exported, curtailed : array, shape (steps, strategies, homes, generators)
        From generators to the grid and to nowhere [kWh].
    generation : array, shape (steps, strategies, homes, generators)
        What generators deliver: the sum of all that comes from them [kWh].
    days : dict of array, shape (days, strategies, homes)
        Columns of home_days.
    response : array, shape (steps, strategies, homes, storages)
        What storages exchange at the price of the step, above 0 charged [kWh].
    """

    group: HomeGroup
    first: int
    homes: int
    appliances: Columns
    storages: Columns
    direct: FloatArray
    charged: FloatArray
    drawn: FloatArray
    imported: FloatArray
    exported: FloatArray
    curtailed: FloatArray
    generation: FloatArray
    days: Columns
    response: FloatArray

    def total_kwh(self, name: str) -> FloatArray:
        """Return what a column of home_groups should be, shape (steps, strategies) [kWh]."""
        values = {
            "generation_kwh": self.generation,
            "wanted_kwh": self.appliances["wanted_kwh"],
            "served_kwh": self.appliances["served_kwh"],
            "direct_kwh": self.direct,
            "charged_kwh": self.storages["charge_kwh"],
            "discharged_kwh": self.storages["discharge_kwh"],
            "losses_kwh": self.storages["losses_kwh"],
            "curtailed_kwh": self.curtailed,
            "imported_kwh": self.appliances["imported_kwh"],
            "exported_kwh": self.exported,
        }[name]
        total: FloatArray = values.reshape(*values.shape[:2], -1).sum(axis=2)
        return total


# The strategy under which storages have no size.
_WITHOUT = "no_home_storage"


@dataclass(frozen=True, slots=True)
class HomeTables:
    """What the tables say of all recorded homes.

    Attributes
    ----------
    groups : list of GroupTables
        Groups of which homes are recorded.
    days : list of int
        The steps at which a day begins.
    complete : bool
        Whether all homes of all groups are recorded.
    there : array, shape (strategies,)
        Size of storages under each strategy as a share of the stated one, 0 or 1 [-].
    """

    groups: list[GroupTables]
    days: list[int]
    complete: bool
    there: FloatArray

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the summary that homes settle, by step and of the run."""
        first = self.groups[0].appliances["wanted_kwh"]
        unmet, refused = np.zeros((2, *first.shape[:2]))
        searched = np.zeros_like(unmet)
        change = np.zeros(first.shape[1])
        for held in self.groups:
            appliances, storages = held.appliances, held.storages
            missed = (appliances["committed_kwh"] > 0.0) & (appliances["served_kwh"] == 0.0)
            unmet += missed.sum(axis=(2, 3))
            lacking = held.days["wanted_slots"] - held.days["committed_slots"]
            refused[self.days] += lacking.sum(axis=2)
            searched[self.days] += (held.days["exact"] == 0).sum(axis=2)
            bank = held.group.storages
            shape = (held.homes, held.group.layout.storages)
            eta_c, eta_d, start = (
                bank[name].reshape(-1, shape[1])[: held.homes]
                for name in ("charge_efficiency", "discharge_efficiency", "energy_kwh")
            )
            last = {name: values[-1] for name, values in storages.items()}
            end = last["energy_kwh"] + eta_c * last["charge_kwh"] - last["discharge_kwh"] / eta_d
            answer = held.response[-1]
            end += np.where(answer > 0.0, eta_c * answer, answer / eta_d)
            change += (end - start * self.there[:, None, None]).sum(axis=(1, 2))
        return {
            "counts.home_slots_unmet": unmet,
            "counts.home_slots_refused": refused,
            "counts.home_days_searched": searched,
        }, {"home_stored_change_kwh": change}


def there_of(inputs: RunInputs) -> FloatArray:
    """Return the size of storages under each strategy as a share of the stated one, 0 or 1."""
    follows = strategies_within("smart_homes", inputs.strategies)
    return np.array([0.0 if strategy == _WITHOUT else 1.0 for strategy in follows])


def read_groups(run: Run, inputs: RunInputs, groups: list[str]) -> Columns:
    """Return home_groups.parquet, every column of shape (steps, strategies, groups)."""
    names = {"strategy": inputs.strategies, "group": groups}
    rows = TableReader(run, "home_groups", names, inputs.start_ms).rest()
    return framed("home_groups", rows, {"step": range(inputs.steps), **names})


def read_homes(
    run: Run,
    inputs: RunInputs,
    setting: SmartHomeSetting,
    recorded: list[int],
    answers: AnswersOfStores | None = None,
) -> HomeTables:
    """Return the tables of the recorded homes; ``answers`` where their storages answer.

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    days = _days(inputs)
    _check_names(run, inputs, setting, recorded)
    appliances, storages = [
        [device.name for group in setting.groups for device in getattr(group.settings, kind)]
        for kind in ("appliances", "storages")
    ]
    ends = _names(setting)
    strategies = inputs.strategies
    tables = {
        table: TableReader(run, table, {"strategy": strategies, **names}, inputs.start_ms).rest()
        for table, names in (
            ("home_appliances", {"appliance": list(dict.fromkeys(appliances))}),
            ("home_storages", {"storage": list(dict.fromkeys(storages))}),
            ("home_flows", {"source": ends, "target": ends}),
            ("home_days", {}),
        )
    }
    _belong(tables, setting, recorded)
    for table, rows in tables.items():
        if table != "home_flows":
            refuse_disorder(table, rows["step"], rows["strategy"], rows["home"])
    flows = tables["home_flows"]
    group = flows["step"] * len(strategies) + flows["strategy"]
    between = flows["source"] * len(ends) + flows["target"]
    refuse_mixed("home_flows", group, flows["home"] * len(ends) ** 2 + between)
    groups = [
        _group(inputs, tables, group, first, homes, days, ends, answers)
        for group, first, homes in zip(setting.groups, first_homes(setting), recorded, strict=True)
        if homes
    ]
    complete = recorded == [group.homes for group in setting.groups]
    return HomeTables(groups, days, complete, there_of(inputs))


def _days(inputs: RunInputs) -> list[int]:
    """Return the steps at which a local date begins."""
    dates = [inputs.calendar.date_of(step) for step in range(inputs.steps)]
    return [step for step in range(inputs.steps) if step == 0 or dates[step] != dates[step - 1]]


def _names(setting: SmartHomeSetting) -> list[str]:
    """Return everything that a flow may come from or go to."""
    names = [
        device.name
        for group in setting.groups
        for device in (*group.settings.devices, *group.settings.storages)
    ]
    return [*dict.fromkeys(names), GRID, CURTAILED]


def _belong(tables: dict[str, Columns], setting: SmartHomeSetting, recorded: list[int]) -> None:
    """Refuse rows of homes that are not recorded."""
    known = np.concatenate(
        [
            first + np.arange(homes)
            for first, homes in zip(first_homes(setting), recorded, strict=True)
        ]
    )
    for table, rows in tables.items():
        strange = ~np.isin(rows["home"], known)
        if strange.any():
            reported = rows["home"][int(np.argmax(strange))]
            raise DamagedTableError(table, f"there is a row with home {reported}")


def _check_names(
    run: Run, inputs: RunInputs, setting: SmartHomeSetting, recorded: list[int]
) -> None:
    """Refuse a table of homes that states others than the scenario."""
    rows = run.table("homes", ["home", "group", "community", "member"]).to_pylist()
    expected = [
        {
            "home": first + home,
            "group": group.settings.name,
            "community": inputs.communities[group.community],
            "member": group.names[home] if group.names else None,
        }
        for group, first, homes in zip(setting.groups, first_homes(setting), recorded, strict=True)
        for home in range(homes)
    ]
    for row, wanted in zip(rows, expected, strict=False):
        if row != wanted:
            raise DamagedTableError("homes", f"there is {row} in place of {wanted}")
    if len(rows) != len(expected):
        raise DamagedTableError("homes", f"{counted(len(rows), 'row')} in place of {len(expected)}")


def _group(
    inputs: RunInputs,
    tables: dict[str, Columns],
    group: HomeGroup,
    first: int,
    homes: int,
    days: list[int],
    ends: list[str],
    answers: AnswersOfStores | None,
) -> GroupTables:
    """Put the rows of a group's homes where they belong."""
    number = range(first, first + homes)
    strategies = inputs.strategies
    mine = {
        table: {name: v[np.isin(rows["home"], number)] for name, v in rows.items()}
        for table, rows in tables.items()
    }
    settings = group.settings
    names = [device.name for device in settings.appliances]
    stores = [device.name for device in settings.storages]
    generators = [device.name for device in settings.generators]
    all_appliances = list(dict.fromkeys(_all(inputs, "appliances")))
    all_storages = list(dict.fromkeys(_all(inputs, "storages")))
    keys: dict[str, range | Sequence[str]] = {
        "step": range(inputs.steps), "strategy": strategies, "home": number,
    }  # fmt: skip
    appliances, storages = (
        framed(table, _recoded(table, mine[table], column, known, own), {**keys, column: own})
        for table, column, known, own in (
            ("home_appliances", "appliance", all_appliances, names),
            ("home_storages", "storage", all_storages, stores),
        )
    )
    rows = mine["home_days"]
    places = np.searchsorted(days, rows["step"])
    if not np.isin(rows["step"], days).all():
        raise DamagedTableError("home_days", "there is a row at a step that begins no day")
    of_days = framed(
        "home_days",
        rows | {"step": places},
        {"step": range(len(days)), "strategy": strategies, "home": number},
    )
    flow = FlowRows(mine["home_flows"], ends, inputs, first, homes)
    direct, charged, drawn, imported, exported, curtailed = (
        flow.between(sources, targets)
        for sources, targets in (
            (generators, names), (generators, stores), (stores, names), ([GRID], names),
            (generators, [GRID]), (generators, [CURTAILED]),
        )
    )  # fmt: skip
    flow.check_empty()
    return GroupTables(
        group=group,
        first=first,
        homes=homes,
        appliances=appliances,
        storages=storages,
        direct=direct,
        charged=charged,
        drawn=drawn,
        imported=imported[:, :, :, 0],
        exported=exported[..., 0],
        curtailed=curtailed[..., 0],
        generation=direct.sum(axis=4) + charged.sum(axis=4) + exported[..., 0] + curtailed[..., 0],
        days=of_days,
        response=_response(answers, storages["energy_kwh"].shape, first, stores),
    )


def _response(
    answers: AnswersOfStores | None, shape: tuple[int, ...], first: int, stores: list[str]
) -> FloatArray:
    """Return what the storages of recorded homes exchange at the price of the step [kWh]."""
    answer = np.zeros(shape)
    if answers is None:
        return answer
    for k, (owner, storage) in enumerate(answers.stores.keys):
        if 0 <= owner - first < shape[2]:
            exchange = answers.exchange_kwh[:, :, k]
            answer[:, :, owner - first, stores.index(storage)] = exchange
    return answer


def _all(inputs: RunInputs, kind: str) -> list[str]:
    settings: SmartHomesSettings = inputs.scenario.smart_homes
    assert settings is not None
    return [device.name for group in settings.groups for device in getattr(group, kind)]


def _recoded(table: str, rows: Columns, column: str, known: list[str], own: list[str]) -> Columns:
    """Return rows whose devices are counted within their group."""
    places = np.array([own.index(name) if name in own else -1 for name in known])
    codes = places[rows[column]]
    if (codes < 0).any():
        reported = known[int(rows[column][int(np.argmax(codes < 0))])]
        raise DamagedTableError(table, f"there is a row with {column} {reported}")
    return rows | {column: codes}
