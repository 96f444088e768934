"""What answers to a few prices say of the lines of each vehicle, and of the demand of all.

Two answers strictly between a vehicle's bounds fix its line, and the answers at the ends of the
price range fix its bounds. Of a vehicle with losses the efficiencies of its plug are known; two
answers that are neither bounds nor idleness then fix both of its lines, since they fix its marginal
value and the fall of that with the energy held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for, whole
from hmesh.environment.row_threads import at_once
from hmesh.markets.answers import Answers, battery_answers, inelastic_answer, sum_of_answers
from hmesh.markets.energy_at_prices import Answer, answers_by_rows, answers_of_rows
from hmesh.markets.heard_answers import HeardAnswers, HiddenLines, hidden_lines
from hmesh.markets.learn_kernels import DONE, learn_lines
from hmesh.markets.vehicle_response import FloatOrArray, best_response

AGREEMENT = 1e-9
CACHED = 2**11
# Vehicles whose answers a kernel learns from at a time; no power of two, so that answers of one
# vehicle to several prices do not fall on the same lines of the cache.
LOOKED_AT = 6000


@dataclass(frozen=True, slots=True)
class LearnedDemand:
    """What an aggregator makes of the answers it heard.

    Attributes
    ----------
    kinks : Answers
        Demand of the community as far as clipped lines explain it; what they do not explain counts
        as a load that does not answer.
    unexplained : array of bool, shape (n,)
        Vehicles whose answers neither a clipped line nor a battery's two lines reproduce.
    inelastic_kwh : array, shape (n,)
        Energy assumed of the unexplained vehicles [kWh], 0 for the others.
    probes : int
        Prices asked.
    """

    kinks: Answers
    unexplained: NDArray[np.bool_]
    inelastic_kwh: FloatArray
    probes: int

    @property
    def unexplained_count(self) -> int:
        """How many vehicles are unexplained."""
        return int(self.unexplained.sum())

    def revised(self, answer: Answer) -> "LearnedDemand":
        """Return the same with what the unexplained vehicles answer to a price [kWh]."""
        inelastic = np.where(self.unexplained, np.nan_to_num(np.asarray(answer)), 0.0)
        saturated = self.kinks.saturated_kwh + float((inelastic - self.inelastic_kwh).sum())
        kinks = replace(self.kinks, saturated_kwh=saturated)
        return replace(self, kinks=kinks, inelastic_kwh=inelastic)


def look(
    prices: FloatArray,
    answers: Sequence[Answer] | FloatArray,
    plugs: tuple[FloatOrArray, FloatOrArray],
    fixed_kwh: float,
) -> tuple[LearnedDemand | None, HiddenLines]:
    """Return what answers say, where that is found with it, and what they hide."""
    count = len(answers[0])
    # Of each vehicle all answers are looked at.
    if compiled_for(len(prices) * count):
        learned, hidden = _by_kernel(prices, answers, plugs, fixed_kwh)
        if learned is not None:
            return learned, hidden
    return None, hidden_lines(prices, answers_of_rows(answers, slice(None)), plugs)


def explained(
    prices: FloatArray,
    answers: Sequence[Answer],
    plugs: tuple[FloatOrArray, FloatOrArray],
    fixed_kwh: float,
) -> LearnedDemand:
    """Return what all answers say together; prices to which nobody answered say nothing."""
    count = len(answers[0])
    if compiled_for(count):
        learned, _ = _by_kernel(prices, answers, plugs, fixed_kwh)
        if learned is not None:
            return learned
    energy_kwh = answers_of_rows(answers, slice(None))
    if count:
        heard = ~np.isnan(energy_kwh).all(axis=1)
        prices, energy_kwh = prices[heard], energy_kwh[heard]
    return _explain(HeardAnswers.of(prices, energy_kwh, plugs), fixed_kwh)


def _explain(heard: HeardAnswers, fixed_kwh: float) -> LearnedDemand:
    """Explain the answers of all, by two lines where there are losses and else by one."""
    batteries, with_losses = _by_two_lines(heard)
    if len(batteries) == 0:
        return _by_one_line(heard, fixed_kwh)
    count = heard.energy_kwh.shape[1]
    others = np.setdiff1d(np.arange(count), batteries, assume_unique=True)
    learned = _by_one_line(heard.rows(others), fixed_kwh)
    unexplained, inelastic = np.zeros(count, dtype=np.bool_), np.zeros(count)
    unexplained[others], inelastic[others] = learned.unexplained, learned.inelastic_kwh
    kinks = sum_of_answers((learned.kinks, with_losses))
    return LearnedDemand(kinks, unexplained, inelastic, learned.probes)


def _by_one_line(heard: HeardAnswers, fixed_kwh: float) -> LearnedDemand:
    """Fit the clipped line of every vehicle and compare it with all its answers."""
    prices, energy_kwh = heard.prices, heard.energy_kwh
    if len(prices) == 0:
        nothing = np.zeros(energy_kwh.shape[1])
        kinks = Answers(fixed_kwh, nothing, nothing, nothing + 1.0)
        return LearnedDemand(kinks, nothing == 0, nothing, 0)
    most, least = energy_kwh[0], energy_kwh[-1]
    constant = (energy_kwh == most).all(axis=0)
    price, energy, slope = _lines(heard)
    with np.errstate(divide="ignore", invalid="ignore"):
        full = price - (most - energy) / slope
        empty = price + (energy - least) / slope
        off_kwh = prices[:, None] - price
        off_kwh *= slope
        np.subtract(energy, off_kwh, out=off_kwh)
        np.maximum(off_kwh, least, out=off_kwh)
        np.minimum(off_kwh, most, out=off_kwh)
        off_kwh -= energy_kwh
        np.abs(off_kwh, out=off_kwh)
        close = off_kwh <= AGREEMENT * (1.0 + np.abs(energy_kwh).max(axis=0))
    explained = close.all(axis=0) & (slope > 0) & np.isfinite(slope) & ~constant
    unexplained = ~(explained | constant)
    inelastic = np.where(unexplained, np.nan_to_num(energy_kwh[len(prices) // 2]), 0.0)
    # A vehicle that never answers keeps its place: both its kinks lie at the lowest price.
    kinks = Answers(
        saturated_kwh=fixed_kwh + float(np.where(unexplained, inelastic, most).sum()),
        full_price=np.where(explained, full, prices[0]),
        empty_price=np.where(explained, empty, prices[0]),
        slope=np.where(explained, slope, 1.0),
    )
    return LearnedDemand(kinks, unexplained, inelastic, len(prices))


def _by_two_lines(heard: HeardAnswers) -> tuple[NDArray[np.intp], Answers]:
    """Return the batteries with losses that explain their answers, and what they answer.

    In terms of the energy held and of the marginal value that a price asks of it, a battery's
    answers lie on one line, which two of them give exactly.
    """
    rows = heard.losing[(heard.points >= 2)[heard.losing]]
    if len(rows) == 0:
        return rows, inelastic_answer(0.0)
    prices, energy_kwh, between = heard.prices, heard.energy_kwh, heard.between
    into, out_of = (np.broadcast_to(plug, energy_kwh.shape[1]) for plug in heard.plugs)
    into, out_of = into[rows].astype(np.float64), out_of[rows].astype(np.float64)
    if len(rows) < energy_kwh.shape[1]:
        energy_kwh, between = energy_kwh[:, rows], between[:, rows]
    column = np.arange(len(rows))

    def held(k: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        energy, price = energy_kwh[k, column], prices[k]
        charges = energy > 0
        change = np.where(charges, energy * into, energy / out_of)
        return change, np.where(charges, price / into, price * out_of)

    first_kwh, first_value = held(between.argmax(axis=0))
    last_kwh, last_value = held(len(prices) - 1 - between[::-1].argmax(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = (last_value - first_value) / (first_kwh - last_kwh)
        value = first_value + theta * first_kwh
    sound = np.isfinite(theta) & (theta > 0) & np.isfinite(value)
    theta, value = np.where(sound, theta, 1.0), np.where(sound, value, 0.0)
    most, least = np.maximum(energy_kwh[0], 0.0), np.minimum(energy_kwh[-1], 0.0)
    close = np.empty(len(rows), dtype=np.bool_)
    columns = (value, theta, least, most, into, out_of)
    for start in range(0, len(rows), CACHED):
        here = slice(start, start + CACHED)
        lam, fall, *others = (column[here] for column in columns)
        off_kwh = best_response(prices[:, None], lam, fall, 0.0, *others) - energy_kwh[:, here]
        scale = 1.0 + np.maximum(np.abs(energy_kwh[0, here]), np.abs(energy_kwh[-1, here]))
        close[here] = (np.abs(off_kwh) <= AGREEMENT * scale).all(axis=0)
    chosen = np.flatnonzero(close & sound)
    rows = rows[chosen]
    value, theta, least, most, into, out_of = (column[chosen] for column in columns)
    nothing = np.zeros_like(value)
    return rows, battery_answers(0.0, value, theta, nothing, least, most, into, out_of)


def _by_kernel(
    prices: FloatArray,
    answers: Sequence[Answer] | FloatArray,
    plugs: tuple[FloatOrArray, FloatOrArray],
    fixed_kwh: float,
) -> tuple[LearnedDemand | None, HiddenLines]:
    """Do as `_explain` and `_gaps`; None where some were silent or hold more than they value."""
    count = len(answers[0])
    full, empty, slope, taken, inelastic, *batteries = np.empty((9, count))
    unexplained, two, unknown = np.empty((3, count), dtype=np.bool_)
    states = [whole(each, full) for each in plugs]
    columns = (full, empty, slope, taken, unexplained, inelastic, two, unknown, *batteries)
    look = answers_by_rows(answers)

    def learn(start: int) -> tuple[int, float, float]:
        here = slice(start, start + LOOKED_AT)
        return learn_lines(
            prices, look(here), *(each[here] for each in states), AGREEMENT,
            *(each[here] for each in columns),
        )  # fmt: skip

    below = above = 0.0
    # Some vehicles at a time, whose answers stay in the processor's cache.
    for what, from_price, to_price in at_once(range(0, count, LOOKED_AT), learn):
        if what != DONE:
            return None, HiddenLines(np.empty(0, dtype=np.intp))
        # The first of the widest gaps.
        if to_price - from_price > above - below:
            below, above = from_price, to_price
    hidden = HiddenLines(np.flatnonzero(unknown), below, above)
    if not two.any():
        kinks = Answers(fixed_kwh + float(taken.sum()), full, empty, slope)
        return LearnedDemand(kinks, unexplained, inelastic, len(prices)), hidden
    others, rows = np.flatnonzero(~two), np.flatnonzero(two)
    full, empty, slope = (column[others] for column in (full, empty, slope))
    one = Answers(fixed_kwh + float(taken[others].sum()), full, empty, slope)
    value, theta, least, most = (column[rows] for column in batteries)
    into, out_of = (np.broadcast_to(plug, count)[rows] for plug in plugs)
    nothing = np.zeros_like(value)
    with_losses = battery_answers(0.0, value, theta, nothing, least, most, into, out_of)
    kinks = sum_of_answers((one, with_losses))
    return LearnedDemand(kinks, unexplained, inelastic, len(prices)), hidden


def _lines(
    heard: HeardAnswers,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return a price, the energy there and the slope of the line of every vehicle.

    Two answers on the line give it exactly. With fewer, its kinks are known to lie between two
    prices asked, and the gentlest line that agrees with all answers is taken.
    """
    prices, energy_kwh, points = heard.prices, heard.energy_kwh, heard.points
    most, least = energy_kwh[0], energy_kwh[-1]
    column = np.arange(len(points))
    first = heard.between.argmax(axis=0)
    last = len(prices) - 1 - heard.between[::-1].argmax(axis=0)
    drop = np.maximum(heard.drop - 1, 0)
    at_first, at_last = energy_kwh[first, column], energy_kwh[last, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = (at_first - at_last) / (prices[last] - prices[first])
        left = (most - at_first) / (prices[first] - prices[drop])
        right = (at_first - least) / (prices[heard.bottom] - prices[first])
        jump = (most - least) / (prices[heard.bottom] - prices[drop])
    gentlest = np.where(points == 1, np.maximum(left, right), jump)
    slope = np.where(points >= 2, chord, gentlest)
    anchor = np.where(points >= 1, first, drop)
    return prices[anchor], energy_kwh[anchor, column], slope
