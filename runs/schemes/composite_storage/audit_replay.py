"""Recorded houses with storages decide again, by the second implementation of their rules."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.drawn_part import drawn_part, enough, note_of
from hmesh.runs.audits.reference.houses import Devices, House
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.schemes.composite_storage.audit_houses import FLOWS, NEEDS, PREFIX, RecordedHouses

# How many steps of houses decide again where houses are many, under each strategy.
MOST_DECIDED = 40_000


def decided_again(houses: RecordedHouses, there: NDArray[np.bool_]) -> Check:
    """Let managers decide again by the rules, and compare what their houses did.

    Parameters
    ----------
    houses : RecordedHouses
        The houses that are written down.
    there : array of bool, shape (steps, strategies, houses)
        Where houses are supplied.
    """
    tally = Tally(f"{PREFIX}managers decide by their rules", EXACT, "of the energy")
    if not houses.inputs.reliable:
        tally.note("messages may be lost or late")
        return tally.check()
    chosen = _deciding(houses)
    tally.note(note_of(len(chosen), houses.recorded, "houses"))
    names = [f"house {house}" for house in chosen.tolist()]
    first = np.diff(houses.setting.day, prepend=houses.setting.day[0]) != 0
    for s in houses.by_rules:
        stated, answers = houses.tariffs(s), houses.answers(s)
        sizes = houses.battery_kwh(s)
        own, shape = houses.devices(houses.strategies[s]), (houses.inputs.steps, len(chosen))
        at_cop = [
            own
            if (c, lost) == (own.cop, own.tank_loss_per_h)
            else replace(own, cop=c, tank_loss_per_h=lost)
            for c, lost in zip(
                houses.setting.cop.tolist(), houses.setting.tank_loss.tolist(), strict=True
            )
        ]
        due = {name: np.empty(shape) for name in (*NEEDS, *FLOWS)}
        for column, h in enumerate(chosen.tolist()):
            part = houses.parts[:, h]
            needs = np.where(there[:, s, h], part * houses.setting.series.of_house(h), 0.0)
            house = House(
                own,
                houses.inputs.step_h,
                houses.setting.settings.memory,
                own.soc_min * own.battery_kwh,
            )
            supplied, answer = there[:, s, h].tolist(), answers[:, :, h].tolist()
            known = stated[int(houses.setting.community[h])]
            size = sizes[:, h].tolist()
            for step, (load, heat, sun) in enumerate(needs.T.tolist()):
                if first[step]:
                    house.begin_day()
                due["stored_kwh"][step, column] = house.stored_kwh
                due["tank_kwh"][step, column] = house.tank_kwh
                house.devices = in_part(at_cop[step], float(part[step]))
                if size[step] != own.battery_kwh:
                    house.devices = replace(house.devices, battery_kwh=size[step])
                done = house.step(
                    load, heat, sun, known[step],
                    there=supplied[step], answer_kwh=tuple(answer[step]),
                )  # fmt: skip
                for name in FLOWS[:8]:
                    due[name][step, column] = getattr(done, name)
            for name, need in zip(NEEDS, needs, strict=True):
                due[name][:, column] = need
        label = houses.inputs.places.label(names, 0, [houses.inputs.strategies[s]])
        for name, values in due.items():
            found = houses.rows[name][:, s][:, chosen]
            tally.add(relative(found, values)[:, None], label)
    return tally.check()


def in_part(devices: Devices, part: float) -> Devices:
    """Return the devices of a house as they are in a step in a part of which its feeder works."""
    names = ("battery_kw", "tank_kw", "pump_kw")
    if part == 1.0:
        return devices
    return replace(devices, **{name: getattr(devices, name) * part for name in names})


def _deciding(houses: RecordedHouses) -> NDArray[np.intp]:
    """Return the houses that decide again: as many as are enough, more where runs are short."""
    judged = max(MOST_DECIDED // houses.inputs.steps, enough())
    drawn = drawn_part(houses.inputs.scenario.seed, "houses", houses.recorded, judged)
    return np.union1d(drawn, houses.sample).astype(np.intp)
