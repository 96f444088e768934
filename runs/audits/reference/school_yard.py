"""The buses of schools as their results have them move: driven, charged and discharged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.batteries import (
    held_after,
    most_charge,
    most_discharge,
    plugged_rating,
)
from hmesh.runs.audits.reference.store_left import left_over
from hmesh.runs.audits.reference.valleys import dealt_out, within_steps


@dataclass(frozen=True, slots=True)
class RoundParts:
    """What a step is to buses that drive rounds.

    Attributes
    ----------
    share, parked : float
        Share of a round that they drive in it, and part of it in which they are parked.
    before, rest : float
        Share that they drive before they are parked for the last time, and share of a round that
        begins after that.
    ends : bool
        Whether a round ends in it.
    """

    share: float
    parked: float
    before: float
    rest: float
    ends: bool


def rounds_of_day(blocks: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return when any bus is away, minute by minute of a day and the next [h].

    Parameters
    ----------
    blocks : sequence of (float, float)
        Hours at which each block of a day begins and ends.
    """
    away = [False] * (2 * 24 * 60 + 1)
    for first, last in blocks:
        for minute in range(round(60 * first), round(60 * last)):
            away[minute] = True
    rounds, since = [], None
    for minute, out in enumerate(away):
        if out and since is None:
            since = minute
        elif not out and since is not None:
            rounds.append((since % 1440 / 60, (minute - 1) % 1440 / 60 + 1 / 60))
            since = None
    return tuple(rounds)


def round_lengths(blocks: Sequence[tuple[str, float]], rounds: int, buses: int) -> list[float]:
    """Return how long a round of each bus is, all of the same bus equally long [km].

    Parameters
    ----------
    blocks : sequence of (str, float)
        The bus of the timetable that runs each block of a day, and how long it is [km].
    rounds : int
        Rounds of a day.
    buses : int
        Buses that there are: the first is the first of the timetable by name, and so on, from the
        first again where there are more.
    """
    driven: dict[str, float] = {}
    for bus, km in blocks:
        driven[bus] = driven.get(bus, 0.0) + km
    of_timetable = [driven[bus] / rounds for bus in sorted(driven)]
    return [of_timetable[bus % len(of_timetable)] for bus in range(buses)]


def round_parts(rounds: Sequence[tuple[int, int]], begin: int, end: int) -> RoundParts:
    """Return what a step, from one moment to another, is to buses with these rounds."""
    share = before = rest = 0.0
    away, ends = 0, False
    for leaves, back in rounds:
        here = min(back, end) - max(leaves, begin)
        if here <= 0:
            continue
        away += here
        share += here / (back - leaves)
        ends = ends or back <= end
        if back < end:
            before += here / (back - leaves)
        elif leaves > begin:
            rest += 1.0
    return RoundParts(share, 1.0 - away / (end - begin), before, rest, ends)


class SchoolYard:
    """The buses of all schools in one world.

    Parameters
    ----------
    buses : mapping of array, shape (buses,)
        Columns of the buses before anybody acts.
    average_price : array, shape (schools,)
        What the energy of each school has cost at first [money/kWh].
    step_h : float
        Length of a step [h].
    keeps_reserve : bool
        Whether the energy of the rounds ahead is kept back.
    from_empty : bool
        Whether satisfaction counts energy from an empty battery.

    Attributes
    ----------
    held_kwh, owed_kwh, short : array, shape (buses,)
        What each bus holds, what it sold and has not yet bought back, and whether it lacked energy
        on its round so far.
    average_price : array
        What the energy of each school has cost [money/kWh].
    charge_kwh, sell_kwh : array
        The most that each bus may charge and sell in the step [kWh].
    counted_kwh : array
        What the satisfaction of each school counts [kWh].
    """

    def __init__(
        self,
        buses: Mapping[str, NDArray[Any]],
        average_price: FloatArray,
        step_h: float,
        *,
        keeps_reserve: bool,
        from_empty: bool,
    ) -> None:
        self.school = buses["school"].astype(np.intp)
        self.capacity_kwh = buses["capacity_kwh"].astype(np.float64)
        self.least_kwh = buses["soc_min"] * self.capacity_kwh
        self.greatest_kwh = buses["soc_max"] * self.capacity_kwh
        self.power_kw = buses["power_kw"].astype(np.float64)
        self.charge_efficiency = buses["charge_efficiency"].astype(np.float64)
        self.discharge_efficiency = buses["discharge_efficiency"].astype(np.float64)
        self.round_km = buses["round_km"].astype(np.float64)
        self.kwh_per_km = buses["consumption_kwh_per_km"].astype(np.float64)
        self.held_kwh = buses["energy_kwh"].astype(np.float64)
        self.started_kwh = float(self.held_kwh.sum())
        self.owed_kwh = np.zeros(len(self.school))
        self.short = np.zeros(len(self.school), dtype=bool)
        self.average_price = average_price.astype(np.float64)
        self.step_h, self.keeps_reserve = step_h, keeps_reserve
        self.counted_from_kwh = np.zeros(len(self.school)) if from_empty else self.least_kwh

    def __len__(self) -> int:
        return len(self.average_price)

    def by_school(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of buses over each school, shape (schools,)."""
        return np.bincount(self.school, values, len(self)).astype(np.float64)

    def begin_step(self, on_round: RoundParts, rounds_ahead: int, supplied: FloatArray) -> None:
        """Send the buses on their way, and work out what each may exchange.

        Parameters
        ----------
        on_round : RoundParts
            What the step is to buses that drive rounds.
        rounds_ahead : int
            Rounds that begin after it before buses can charge again.
        supplied : array, shape (schools,)
            For which part of the step each school has supply.
        """
        per_round = self.round_km * self.kwh_per_km
        self._way_there_kwh = on_round.before * per_round
        self._way_back_kwh = on_round.share * per_round - self._way_there_kwh
        self.parked_kwh = np.maximum(self.held_kwh - self._way_there_kwh, 0.0)
        parked = np.where(self.round_km > 0, on_round.parked, 1.0) * supplied[self.school]
        self.rounds_kwh = (rounds_ahead + on_round.rest) * per_round
        kept = self.rounds_kwh if self.keeps_reserve else 0.0
        self.limit_kwh = plugged_rating(self.power_kw, self.step_h, parked)
        no_end = np.where(parked > 0, np.inf, 0.0)
        eta_c, eta_d = self.charge_efficiency, self.discharge_efficiency
        held = self.parked_kwh
        self.needs_kwh = most_charge(held, self.greatest_kwh, no_end, eta_c)
        self.spare_kwh = most_discharge(held, self.least_kwh + kept, no_end, eta_d)
        self.charge_kwh = np.minimum(self.needs_kwh, self.limit_kwh)
        self.sell_kwh = np.minimum(self.spare_kwh, self.limit_kwh)
        self.counted_kwh = self.by_school(held - self.counted_from_kwh)

    def driving_kwh(self, exchange_kwh: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Return what driving takes from each battery, and what it lacks for it [kWh].

        Parameters
        ----------
        exchange_kwh : float or array, optional
            What each bus exchanges while it is parked [kWh].
        """
        there = np.minimum(self._way_there_kwh, self.held_kwh)
        back = np.minimum(self._way_back_kwh, self._sets_out_with(exchange_kwh))
        wanted = self._way_there_kwh + self._way_back_kwh
        return there + back, wanted - (there + back)

    def _sets_out_with(self, exchange_kwh: FloatArray | float) -> FloatArray:
        """Return what each bus holds after an exchange [kWh]."""
        after = held_after(
            self.parked_kwh, np.asarray(exchange_kwh, dtype=np.float64),
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return np.maximum(after, 0.0)

    def dealt_out(self, energy_kwh: FloatArray, of_kwh: FloatArray) -> FloatArray:
        """Return what each bus exchanges of the energy of its school [kWh]."""
        return dealt_out(energy_kwh, of_kwh, self.limit_kwh, self.school)

    def within(self, energy_kwh: FloatArray, steps: int) -> FloatArray:
        """Return how much of energies of buses flows in 0, 1, ... steps at most [kWh]."""
        return within_steps(energy_kwh, self.limit_kwh, steps)

    def replaced_kwh(self, charge_kwh: FloatArray) -> FloatArray:
        """Return what of the charging of each bus replaces energy that it sold before [kWh]."""
        owed = np.minimum(self.owed_kwh, self.needs_kwh)
        share = np.divide(owed, self.needs_kwh, out=np.zeros_like(owed), where=self.needs_kwh > 0)
        replaced: FloatArray = share * charge_kwh
        return replaced

    def left_over(
        self, charge_kwh: FloatArray, sold_kwh: FloatArray, planned_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what each bus holds, and could give and take beside what it does [kWh].

        Parameters
        ----------
        charge_kwh, sold_kwh : array
            What each bus exchanges for its school [kWh].
        planned_kwh : array, shape (schools,)
            What each school is to charge in the steps to come [kWh].
        """
        usable, give, take = left_over(
            self.parked_kwh, charge_kwh - sold_kwh, self.least_kwh + self.rounds_kwh,
            self.greatest_kwh, self.limit_kwh,
            (self.charge_efficiency, self.discharge_efficiency),
        )  # fmt: skip
        lacking = np.maximum(self.needs_kwh - charge_kwh, 0.0)
        total = self.by_school(lacking)
        planned = np.minimum(planned_kwh, total)
        kept = np.divide(planned, total, out=np.zeros_like(total), where=total > 0)
        free = lacking * (1.0 - kept[self.school])
        return usable + self.rounds_kwh, give, np.minimum(take, free)

    def end_step(
        self,
        price: FloatArray,
        charge_kwh: FloatArray,
        sold_kwh: FloatArray,
        response_kwh: FloatArray | float = 0.0,
        *,
        round_ends: bool,
    ) -> int:
        """Let buses charge, sell and drive; return how many lacked energy on a round that ends.

        Parameters
        ----------
        price : array
            What each school pays [money/kWh].
        charge_kwh, sold_kwh : array
            What each bus exchanges at its plug for its school [kWh].
        response_kwh : float or array, optional
            What it exchanges beside that at the price of the step [kWh].
        round_ends : bool
            Whether a round ends in the step.
        """
        exchange = charge_kwh - sold_kwh + response_kwh
        _, lacked = self.driving_kwh(exchange)
        short = self.short | (lacked > 1e-9)
        self.short = np.zeros_like(short) if round_ends else short
        self._remember(price, charge_kwh + np.maximum(response_kwh, 0.0))
        delivered_per_bought = self.discharge_efficiency * self.charge_efficiency
        owed = self.owed_kwh + sold_kwh / delivered_per_bought - self.replaced_kwh(charge_kwh)
        self.owed_kwh = np.maximum(owed, 0.0)
        left = self._sets_out_with(exchange)
        self.held_kwh = np.maximum(left - self._way_back_kwh, 0.0)
        return int(short.sum()) if round_ends else 0

    def _remember(self, price: FloatArray, charge_kwh: FloatArray) -> None:
        """Let what is paid for charging enter what the energy of each school has cost."""
        stored = self.by_school(charge_kwh * self.charge_efficiency)
        held = self.by_school(self.parked_kwh)
        worth = self.average_price * held + price * self.by_school(charge_kwh)
        all_kwh = held + stored
        self.average_price = np.divide(
            worth, all_kwh, out=self.average_price.copy(), where=all_kwh > 0
        )
