"""Whether the kept messages of schools say what was planned, offered and sold."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Tally, relative
from hmesh.runs.audits.messages import sent_when_possible
from hmesh.runs.audits.reference.schools import Purchase, Schools
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.results.run_reader import Run

# The party as messages name it.
SCHOOLS = "schools"
KINDS = (
    "ValleyAnnouncement", "EnergyRequest", "ScheduleProposal", "IncentiveOffer", "SupplyOffer",
    "ExchangeOrder", "BusPlugIn", "SupplyCurveRequest", "SupplyCurveBid",
)  # fmt: skip
UTILITY = "utility"
_COLUMNS = ("step", "round", "kind", "sender", "receiver", "count", "value", "time")


@dataclass(frozen=True, slots=True)
class Said:
    """A message that should have been sent.

    Attributes
    ----------
    round, kind, count, value : int or None, str, int, float
        As messages.parquet states them; a round of None cannot be stated.
    from_schools : bool
        Whether schools write to the utility, not the utility schools.
    """

    round: int | None
    kind: str
    count: int
    value: float
    from_schools: bool = False

    @property
    def parties(self) -> tuple[str, str]:
        """Who sends it, and to whom."""
        return (SCHOOLS, UTILITY) if self.from_schools else (UTILITY, SCHOOLS)


class SchoolMessages:
    """The kept messages of schools under one strategy, step by step.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    strategy : int
        Number of the strategy.
    tally : Tally
        What gathers the deviations.
    """

    def __init__(self, run: Run, inputs: RunInputs, strategy: int, tally: Tally) -> None:
        self._inputs, self._tally = inputs, tally
        self._name = inputs.strategies[strategy]
        self._settings = inputs.scenario.messages
        self.kept = self._settings.keep != "none" and inputs.reliable
        self._reported: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        if not self.kept:
            none = self._settings.keep == "none"
            tally.note("no message was kept" if none else "messages may be lost or late")
            return
        wanted = [("strategy", "=", self._name), ("kind", "in", list(KINDS))]
        rows = run.table("messages", list(_COLUMNS), wanted).to_pydict()
        for step, *said in zip(*(rows[name] for name in _COLUMNS), strict=True):
            self._reported[step].append(tuple(said))

    def prices_asked(self, step: int) -> list[float]:
        """Return the incentive prices that the utility asked schools about [money/kWh]."""
        return [float(said[5]) for said in self._reported[step] if said[1] == "IncentiveOffer"]

    def add(self, step: int, due: list[Said]) -> None:
        """Compare the messages of a step with those that were due, in their order."""
        if self._settings.keep == "leaders":
            due = [message for message in due if message.count == 1]
        reported = self._reported[step]
        place = f"{self._inputs.places.step(step)}, {self._name}"
        if len(reported) != len(due):
            text = f"{place}, {len(reported):,} messages in place of {len(due):,}"
            self._tally.add(np.array([[np.inf]]), lambda at: text, step)
            return
        if not due:
            return
        right = np.array(
            [
                message.round in (None, round_)
                and tuple(said[:4]) == (message.kind, *message.parties, message.count)
                for (round_, *said), message in zip(reported, due, strict=True)
            ]
        )
        values, times = np.array([said[5:] for said in reported], dtype=np.float64).T
        expected = np.array([message.value for message in due])
        right &= sent_when_possible(times, self._settings)
        off = np.where(right, relative(values, expected), np.inf)
        self._tally.add(off[None], lambda at: f"{place}, {due[at[1]].kind}", step)


def planned(schools: int, load_kwh: FloatArray, wanted: float) -> list[Said]:
    """Return the messages that settle a charging window: the valley, the wish, the schedule.

    Parameters
    ----------
    schools : int
        How many schools there are.
    load_kwh : array, shape (slots,)
        Demand expected in each step of the window.
    wanted : float
        What all schools charge in it [kWh].
    """
    return [
        Said(0, "ValleyAnnouncement", schools, float(load_kwh.min())),
        Said(0, "EnergyRequest", schools, wanted, from_schools=True),
        Said(1, "ScheduleProposal", schools, wanted),
    ]


def sent_as_curves(schools: Schools, purchase: Purchase) -> list[Said]:
    """Return the messages in which schools state what they would sell at every price.

    Parameters
    ----------
    schools : Schools
        What every school knows of itself.
    purchase : Purchase
        What the utility knows.
    """
    most = float(np.sum(schools.upper_kwh))
    return [
        Said(0, "SupplyCurveRequest", len(schools.upper_kwh), purchase.highest_price),
        Said(0, "SupplyCurveBid", len(schools.upper_kwh), most, from_schools=True),
    ]


def asked(prices: list[float], schools: Schools, purchase: Purchase) -> list[Said]:
    """Return the messages in which schools are asked about prices, and answer as suits them.

    Parameters
    ----------
    prices : list of float
        The incentive prices asked about, in their order [money/kWh].
    schools : Schools
        What every school knows of itself.
    purchase : Purchase
        What the utility knows.
    """
    count, due = len(schools.lam), []
    for round_, price in enumerate(prices):
        allowed = min(max(price, purchase.lowest_price), purchase.highest_price)
        offered = float(schools.offers(price).sum())
        due.append(Said(round_, "IncentiveOffer", count, allowed))
        due.append(Said(round_, "SupplyOffer", count, offered, from_schools=True))
    return due
