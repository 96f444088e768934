"""What storages of smart homes could answer to the price of the step."""

from collections.abc import Collection

import numpy as np

from hmesh.runs.audits.answers_of_stores import AnswerNames, AnswersOfStores
from hmesh.runs.audits.known_stores import KnownStores, room_beside, whole_pairs
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.scenarios.prosumer_parts import limited_groups
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
    setting: SmartHomeSetting | None,
    recorded: list[int],
) -> AnswersOfStores | None:
    """Return what storages of connected homes exchanged; None where none answer."""
    if settings.price_response is None:
        return None
    groups = [
        (group.name, storage.name, inputs.communities.index(group.community))
        for group in settings.groups
        if group.connected
        for storage in group.storages
    ]
    stores = None
    if setting is not None:
        pairs = [(group, storage) for group, storage, _ in groups]
        stores = _known_stores(
            setting, settings.price_response, pairs, recorded, limited_groups(inputs.scenario)
        )
    names = AnswerNames("smart_homes", "homes", "homes", "home", idle=True)
    return AnswersOfStores(run, inputs, hours, names, groups, range(len(inputs.strategies)), stores)


def _known_stores(
    setting: SmartHomeSetting,
    worth: PriceResponse,
    pairs: list[tuple[str, str]],
    recorded: list[int],
    limited: Collection[tuple[str, str]],
) -> KnownStores:
    """Return the storages of connected homes that are written down, home by home."""
    keys: list[tuple[int, str]] = []
    community, node, into, out_of, behind = [], [], [], [], []
    sizes, written = [], []
    for group, first, homes in zip(setting.groups, first_homes(setting), recorded, strict=True):
        if group.node < 0:
            continue
        names = [storage.name for storage in group.settings.storages]
        keys += [(first + home, name) for home in range(homes) for name in names]
        count = homes * len(names)
        community.append(np.full(count, group.community))
        node.append(np.full(count, group.node))
        held = (group.settings.community, group.settings.name) in limited
        behind.append(np.full(count, held))
        into.append(group.storages["charge_efficiency"][:count])
        out_of.append(group.storages["discharge_efficiency"][:count])
        sizes.append((group.settings.name, first, group.homes))
        written.append(homes)
    return KnownStores(
        keys,
        whole_pairs(pairs, keys, sizes, written),
        np.concatenate(community),
        np.concatenate(node),
        worth.lam,
        worth.theta,
        np.concatenate(into),
        np.concatenate(out_of),
        complete=recorded == [group.homes for group in setting.groups],
        behind=np.concatenate(behind),
    )


def hold_home_answers(answers: AnswersOfStores, tables: HomeTables) -> None:
    """Compare what storages had left by the tables with what homes leave of them."""
    if not len(answers.stores):
        return
    rooms = []
    for held in tables.groups:
        if held.group.node < 0:
            continue
        bank, s = columns_of(held), held.storages
        size = bank["capacity_kwh"] * tables.there[:, None, None]
        room = room_beside(
            s["energy_kwh"], bank["soc_min"] * size, bank["soc_max"] * size,
            bank["power_kw"] * answers.inputs.step_h, s["charge_kwh"], s["discharge_kwh"],
            bank["charge_efficiency"], bank["discharge_efficiency"],
        )  # fmt: skip
        usable, give, take = room
        part = answers.inputs.served_part[:, held.group.community][:, None, None, None]
        rated = bank["power_kw"] * answers.inputs.step_h * part
        room = (usable, np.minimum(give, rated), np.minimum(take, rated))
        shape = (*s["energy_kwh"].shape[:2], -1)
        rooms.append([each.reshape(shape) for each in room])
    left = [np.concatenate(column, axis=2) for column in zip(*rooms, strict=True)]
    for strategy in answers.used:
        usable, give, take = (each[:, strategy] for each in left)
        answers.hold(slice(0, answers.inputs.steps), strategy, usable, give, take)
