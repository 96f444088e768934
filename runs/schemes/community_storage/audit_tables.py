"""The tables of storages that communities share, as an audit reads them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import (
    Columns,
    DamagedTableError,
    TableReader,
    framed,
    refuse_disorder,
)
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.community_storage.section import CommunityStorage

type _Keys = dict[str, range | Sequence[str]]


@dataclass(frozen=True, slots=True)
class StorageTables:
    """The tables of storages.

    Attributes
    ----------
    storages : dict of array, shape (steps, strategies that use them, storages)
        Columns of storages.parquet.
    households : dict of array, shape (steps, strategies, households), or None
        Columns of storage_households.parquet; None where they were not to be written down.
    plans, courses : dict of array
        Rows of storage_plans.parquet and storage_courses.parquet.
    """

    storages: Columns
    households: Columns | None
    plans: Columns
    courses: Columns


def read_storage_tables(
    run: Run, inputs: RunInputs, rules: CommunityStorage, used: list[int]
) -> StorageTables:
    """Return the tables of storages.

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    storages = [storage.name for storage in rules.storages]
    strategies = [inputs.strategies[s] for s in used]
    names = {"strategy": strategies, "storage": storages}
    keys: _Keys = {"step": range(inputs.steps), **names}
    rows = TableReader(run, "storages", names, inputs.start_ms).rest()
    of_storages = framed("storages", rows, keys)
    groups = list(
        dict.fromkeys(
            f"{storage.community}/{group.name}"
            for storage in rules.storages
            for group in inputs.scenario.communities[storage.community].members
        )
    )
    reader = TableReader(run, "storage_households", names | {"group": groups}, inputs.start_ms)
    rows = reader.rest()
    of_households = None
    if rules.record_households and used:
        count, left = divmod(len(rows["step"]), inputs.steps * len(used))
        if left:
            raise DamagedTableError("storage_households", "rows are missing or too many")
        keys = {"step": range(inputs.steps), "strategy": strategies, "household": range(count)}
        of_households = framed("storage_households", rows, keys)
    elif len(rows["step"]):
        raise DamagedTableError("storage_households", "there are rows, and none was to be written")
    plans, courses = (
        TableReader(run, table, names, inputs.start_ms).rest()
        for table in ("storage_plans", "storage_courses")
    )
    of_plan = [plans[name] for name in ("step", "strategy", "storage", "alpha")]
    refuse_disorder("storage_plans", *of_plan)
    same = np.ones(max(len(courses["step"]) - 1, 0), dtype=bool)
    for name in ("strategy", "storage", "alpha"):
        same &= np.diff(courses[name]) == 0
    whose = np.stack([courses[name] for name in ("strategy", "storage", "alpha")], axis=1)
    apart = len(np.unique(whose, axis=0)) != len(whose) - np.count_nonzero(same)
    if apart or (same & (np.diff(courses["step"]) != 1)).any():
        raise DamagedTableError("storage_courses", "steps of a plan do not follow each other")
    return StorageTables(of_storages, of_households, plans, courses)
