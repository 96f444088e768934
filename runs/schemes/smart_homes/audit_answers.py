"""What storages of smart homes answered to the price of the step, and could have."""

from collections.abc import Iterator

import numpy as np

from hmesh.runs.audits.answers_of_stores import (
    ResponseTables,
    pairs_of,
    read_responses,
    room_beside,
)
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.smart_homes.audit_rules import columns_of
from hmesh.runs.schemes.smart_homes.audit_tables import HomeTables
from hmesh.runs.schemes.smart_homes.records import first_homes
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.schemes.smart_homes.setting import SmartHomeSetting


def read_answers(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    settings: SmartHomesSettings,
    setting: SmartHomeSetting,
    recorded: list[int],
) -> ResponseTables | None:
    """Return what storages of connected homes exchanged; None where none answer."""
    if settings.price_response is None:
        return None
    pairs, stores = [], []
    community, into, out_of = [], [], []
    for group, first, homes in zip(setting.groups, first_homes(setting), recorded, strict=True):
        if group.node < 0:
            continue
        names = [storage.name for storage in group.settings.storages]
        pairs += [(group.settings.name, name, group.community) for name in names]
        stores += [(first + home, name) for home in range(homes) for name in names]
        count = homes * len(names)
        community.append(np.full(count, group.community))
        into.append(group.storages["charge_efficiency"][:count])
        out_of.append(group.storages["discharge_efficiency"][:count])
    where = np.concatenate(community)
    return read_responses(
        run, inputs, hours, settings.price_response, "smart_homes", pairs, stores,
        where, np.concatenate(into), np.concatenate(out_of),
        complete=recorded == [group.homes for group in setting.groups],
    )  # fmt: skip


def check_home_answers(
    responses: ResponseTables, tables: HomeTables, recorded: list[int]
) -> Iterator[Check]:
    """Check what storages answered against what suits them, and what they could do."""
    step_h = responses.inputs.step_h
    groups = [held for held in tables.groups if held.group.node >= 0]
    yield responses.check_answers("smart homes: storages answer to the price as suits them best")
    if not responses.stores:
        return
    rooms = []
    for held in groups:
        bank, s = columns_of(held), held.storages
        size = bank["capacity_kwh"]
        room = room_beside(
            s["energy_kwh"], bank["soc_min"] * size, bank["soc_max"] * size,
            bank["power_kw"] * step_h, s["charge_kwh"], s["discharge_kwh"],
            bank["charge_efficiency"], bank["discharge_efficiency"],
        )  # fmt: skip
        shape = (*s["energy_kwh"].shape[:2], -1)
        rooms.append([each.reshape(shape) for each in room])
    yield responses.check_room(
        "smart homes: storages answer with what their homes leave of them",
        *(np.concatenate(column, axis=2) for column in zip(*rooms, strict=True)),
    )
    sizes = [(held.group.settings.name, held.first, held.group.homes) for held in groups]
    written = [held.homes for held in groups]
    yield responses.check_sums(
        "smart homes: answers of groups are the sum of their storages'",
        pairs_of(responses.pairs, responses.stores, sizes, written),
    )
