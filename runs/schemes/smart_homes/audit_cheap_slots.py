"""In which slots homes with a tariff should buy what they do not serve, load by load, plainly."""

from collections.abc import Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.schemes.smart_homes.audit_tables import GroupTables


def cheapest(
    wanted: Sequence[float],
    committed: Sequence[float],
    window: Sequence[bool],
    price: Sequence[float],
) -> list[float]:
    """Return what a load buys in each slot of a day [kWh].

    Parameters
    ----------
    wanted, committed : sequence of float
        What it wanted, and what its home serves, in each slot [kWh].
    window : sequence of bool
        Slots that it may take and accepts.
    price : sequence of float
        What a kWh costs in each [money/kWh].
    """
    missing = sum(kwh > 0 for kwh in wanted) - sum(kwh > 0 for kwh in committed)
    left_out = [t for t, kwh in enumerate(wanted) if kwh > 0 and not committed[t] > 0]
    refused = left_out[: max(missing, 0)]
    free = [t for t, may in enumerate(window) if may and not committed[t] > 0]
    choices = sorted({*refused, *free}, key=lambda t: (round(price[t], 9), t not in refused, t))
    bought = [0.0] * len(wanted)
    for t in choices[: len(refused)]:
        bought[t] = wanted[t] if wanted[t] > 0 else max(wanted)
    return bought


def bought_by_tariff(
    inputs: RunInputs, held: GroupTables, days: Sequence[int], price: FloatArray, shifts: list[bool]
) -> FloatArray:
    """Return what recorded homes of a group should buy instead of what they do not serve [kWh].

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    held : GroupTables
        What the tables say of the group.
    days : sequence of int
        The steps at which days begin.
    price : array, shape (steps,)
        What a kWh bought costs in each [money/kWh].
    shifts : list of bool
        Whether loads are shifted, by strategy.

    Returns
    -------
    array, shape (steps, strategies, homes, loads)
        Energies, if the grid is there.
    """
    wanted, committed = (held.appliances[f"{name}_kwh"] for name in ("wanted", "committed"))
    due = np.zeros_like(wanted)
    ends = [*days[1:], inputs.steps]
    for first, end in zip(days, ends, strict=True):
        cut = slice(first, end)
        for k, source in enumerate(held.group.appliances):
            asked = source.steps_kwh(first, end - first)
            lines = held.group.windows(inputs.calendar, first, asked, k)
            may = lines[0] & lines[1]
            for s, moves in enumerate(shifts):
                for h in range(held.homes):
                    window = may[:, h] if moves else np.zeros(end - first, dtype=np.bool_)
                    due[cut, s, h, k] = cheapest(
                        wanted[cut, s, h, k].tolist(), committed[cut, s, h, k].tolist(),
                        window.tolist(), price[cut].tolist(),
                    )  # fmt: skip
    return due
