"""What a meter knows of its tariff before each step, and what then suits a store best, plainly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import Any

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.stated_tariff import holds
from hmesh.runs.audits.reference.stores import AnsweringStores


@dataclass(frozen=True, slots=True)
class BeforeSteps:
    """What one meter knows before each step of a run.

    Attributes
    ----------
    month_kwh, mean_kw, left_h : list of float
        Energy bought in the month so far [kWh], mean power bought since the run began [kW], and
        hours from the step on until the month ends, or the run [h]; one for each step.
    reached_kw, begun_kwh : list of list of float or None, list of list of float
        By charge and step: the highest power of the whole intervals of the month [kW], and what has
        been bought in the interval that goes on [kWh]; None where the charge does not hold.
    """

    month_kwh: list[float]
    mean_kw: list[float]
    left_h: list[float]
    reached_kw: list[list[float | None]]
    begun_kwh: list[list[float]]


def known_before(
    bought_kwh: Sequence[float],
    begins: Sequence[datetime],
    step_h: float,
    demand: Sequence[Any],
    is_holiday: Callable[[date], bool],
) -> BeforeSteps:
    """Return what a meter knows before each step by what it buys in all of them.

    Parameters
    ----------
    bought_kwh, begins, step_h, demand, is_holiday : sequence of float, sequence of datetime, \
    float, sequence, callable
        As those of `hmesh.runs.audits.reference.stated_tariff.charges_of_months`.
    """
    steps = len(bought_kwh)
    months = [(at.year, at.month) for at in begins]
    month_kwh, mean_kw = [], []
    of_month = in_all = 0.0
    for step in range(steps):
        if step and months[step] != months[step - 1]:
            of_month = 0.0
        month_kwh.append(of_month)
        mean_kw.append(in_all / (step * step_h) if step else 0.0)
        of_month += bought_kwh[step]
        in_all += bought_kwh[step]
    left_h = [0.0] * steps
    for step in reversed(range(steps)):
        goes_on = step + 1 < steps and months[step + 1] == months[step]
        left_h[step] = step_h + (left_h[step + 1] if goes_on else 0.0)
    reached: list[list[float | None]] = []
    begun: list[list[float]] = []
    for charge in demand:
        per_interval = round(charge.interval / 60 / step_h)
        counted = [
            energy if holds(charge, at, is_holiday(at.date())) else None
            for energy, at in zip(bought_kwh, begins, strict=True)
        ]
        highest: list[float | None] = []
        energies: list[float] = []
        peak = so_far = 0.0
        for step in range(steps):
            if step and months[step] != months[step - 1]:
                peak = so_far = 0.0
            if step % per_interval == 0:
                so_far = 0.0
            highest.append(None if counted[step] is None else peak)
            energies.append(so_far)
            so_far += counted[step] or 0.0
            if step % per_interval == per_interval - 1:
                peak = max(peak, so_far / (per_interval * step_h))
        reached.append(highest)
        begun.append(energies)
    return BeforeSteps(month_kwh, mean_kw, left_h, reached, begun)


def surcharge_of_tier(known: BeforeSteps, step: int, tiers: Sequence[Any]) -> float:
    """Return what a kWh costs more in the tier in which the month is expected to end."""
    expected = known.month_kwh[step] + known.left_h[step] * known.mean_kw[step]
    return float(sum(tier.surcharge for tier in tiers if expected > tier.above_kwh))


def rooms_of(known: BeforeSteps, step: int, need_kw: float, demand: Sequence[Any]) -> list[float]:
    """Return what each charge lets a meter buy in a step without a higher peak [kWh]."""
    rooms = []
    for charge, reached, begun in zip(demand, known.reached_kw, known.begun_kwh, strict=True):
        kept = reached[step]
        if kept is None:
            rooms.append(np.inf)
        else:
            rooms.append(max(max(kept, need_kw) * charge.interval / 60 - begun[step], 0.0))
    return rooms


def wrong_under_tariff(
    stores: AnsweringStores,
    purchase: FloatArray,
    feed_in: FloatArray,
    rooms: FloatArray,
    per_kwh: Sequence[float],
    exchange_kwh: FloatArray,
) -> FloatArray:
    """Return how far an exchange is from the best one by a list of all that may be best [kWh].

    Parameters
    ----------
    stores : AnsweringStores
        The stores, arrays of shape (n,).
    purchase, feed_in : array, shape (n,)
        What a kWh bought costs and one delivered brings [money/kWh].
    rooms : array, shape (charges, n)
        What may be bought before each charge rises [kWh].
    per_kwh : sequence of float
        What a kWh beyond costs more [money/kWh].
    exchange_kwh : array, shape (n,)
        The exchange.
    """
    count = len(exchange_kwh)
    candidates = [np.zeros(count), stores.best_discharge(feed_in)]
    charges = range(len(per_kwh))
    for size in range(len(per_kwh) + 1):
        for beyond in combinations(charges, size):
            price = purchase + sum(per_kwh[k] for k in beyond)
            candidates.append(stores.best_charge(price))
    candidates += [np.clip(room, 0.0, np.maximum(stores.upper_kwh, 0.0)) for room in rooms]

    def cost(energy: FloatArray) -> tuple[FloatArray, FloatArray]:
        bought, sold = np.where(energy > 0, energy, 0.0), np.where(energy < 0, -energy, 0.0)
        more: FloatArray = np.zeros(count)
        for rise, room in zip(per_kwh, rooms, strict=True):
            more = more + rise * np.maximum(bought - room, 0.0)
        paid = purchase * bought - feed_in * sold + more
        size = np.abs(purchase * bought) + np.abs(feed_in * sold) + more
        return paid, size

    every = np.array(candidates)
    gains = []
    sizes = np.zeros(count)
    for each in candidates:
        paid, turned_over = cost(np.asarray(each))
        gains.append(stores.gain(0.0, each) - paid)
        sizes = np.maximum(sizes, turned_over)
    values = np.array(gains)
    best = values.max(axis=0)
    # Two that earn the same to within rounding are both best.
    same = values >= best - 64 * np.finfo(np.float64).eps * (sizes + np.abs(best))
    off = np.where(same, np.abs(every - exchange_kwh), np.inf)
    return np.asarray(off.min(axis=0))
