"""Recorded houses with storages decide again, by the second implementation of their rules."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.drawn_part import drawn_part, enough, note_of
from hmesh.runs.audits.reference.houses import Houses
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
    at_cop, losses = houses.setting.cop.tolist(), houses.setting.tank_loss.tolist()
    first = np.diff(houses.setting.day, prepend=houses.setting.day[0]) != 0
    for s in houses.by_rules:
        stated, answers = houses.tariffs(s), houses.answers(s)
        sizes = houses.battery_kwh(s)
        own, shape = houses.devices(houses.strategies[s]), (houses.inputs.steps, len(chosen))
        due = {name: np.empty(shape) for name in (*NEEDS, *FLOWS)}
        community = houses.setting.community[chosen]
        for place in np.unique(community).tolist():
            columns = np.flatnonzero(community == place)
            mine = chosen[columns]
            supplied, answer = there[:, s, mine], answers[:, :, mine]
            of_house = np.stack([houses.setting.series.of_house(h) for h in mine.tolist()], axis=-1)
            needs = np.where(supplied, houses.parts[:, mine] * of_house, 0.0)
            start = np.full(len(mine), own.soc_min * own.battery_kwh)
            group = Houses(
                own, houses.inputs.step_h, houses.setting.settings.memory,
                start, np.zeros(len(mine)), own.battery_kwh,
            )  # fmt: skip
            for step, tariff in enumerate(stated[place]):
                if first[step]:
                    group.begin_day()
                due["stored_kwh"][step, columns] = group.stored_kwh
                due["tank_kwh"][step, columns] = group.tank_kwh
                # Both depend on the temperature of the air.
                group.devices = replace(own, cop=at_cop[step], tank_loss_per_h=losses[step])
                group.battery_kwh, group.part = sizes[step, mine], houses.parts[step, mine]
                load, heat, sun = needs[:, step]
                done = group.step(
                    load, heat, sun, tariff,
                    there=supplied[step], answer_kwh=(answer[step, 0], answer[step, 1]),
                )  # fmt: skip
                for name in FLOWS[:8]:
                    due[name][step, columns] = getattr(done, name)
            for name, need in zip(NEEDS, needs, strict=True):
                due[name][:, columns] = need
        label = houses.inputs.places.label(names, 0, [houses.inputs.strategies[s]])
        for name, values in due.items():
            found = houses.rows[name][:, s][:, chosen]
            tally.add(relative(found, values)[:, None], label)
    return tally.check()


def _deciding(houses: RecordedHouses) -> NDArray[np.intp]:
    """Return the houses that decide again: as many as are enough, more where runs are short."""
    judged = max(MOST_DECIDED // houses.inputs.steps, enough())
    drawn = drawn_part(houses.inputs.scenario.seed, "houses", houses.recorded, judged)
    return np.union1d(drawn, houses.sample).astype(np.intp)
