"""What vehicles learned, replayed step by step from what was written down and from their draws.

Each `Replay` holds what the vehicles of one choice remember under one strategy, says how far every
exchange is from what that asks for, and takes in the step.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.social_network import by_community, given_network, scale_free, small_world
from hmesh.environment.streams import Streams
from hmesh.runs.audits.reference.learners import (
    DrawnChoice,
    Gains,
    Habits,
    Regrets,
    Values,
    better_known,
    expected_to_save,
    likely_to_follow,
)
from hmesh.runs.audits.reference.plans import PlanningBatteries, expected_prices
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.vehicle_behaviours import by_thresholds
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.world.behaving_rows import BehavingRows

type Rows = NDArray[np.intp]

_VEHICLE = "electric vehicle"
_MONTH_H, _DAY_H = 730.0, 24.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is written down of the vehicles of a choice that were asked a price in a step.

    Attributes
    ----------
    step : int
        Number of the step.
    here : array of int
        Their places among the vehicles of the choice.
    price, energy_kwh : array
        What they pay [money/kWh], and exchange [kWh].
    stores : AnsweringStores
        What each could do.
    home : array of bool, or None
        Who is in its night at home; None where that is not known.
    place : array of int
        In which community each is.
    """

    step: int
    here: Rows
    price: FloatArray
    energy_kwh: FloatArray
    stores: AnsweringStores
    home: NDArray[np.bool_] | None
    place: Rows


class Replay(Protocol):
    """What the vehicles of one choice remember under one strategy."""

    def step(self, seen: Seen) -> FloatArray:
        """Take in a step; return how far each exchange is from what is due [kWh]."""
        ...

    def end(self, step: int) -> None:
        """Let all of them look around as a step ends."""
        ...


class _Drawn:
    """Draws of the vehicles of a choice, and what is known of their run.

    Parameters
    ----------
    inputs, choice, fleet : VehicleRunInputs, BehavingRows, dict of array
        What the scenario settles, who the vehicles are, and what each is like.
    prices : array, shape (steps, communities)
        What communities asked in all steps [money/kWh].
    """

    def __init__(
        self, inputs: VehicleRunInputs, choice: BehavingRows, fleet: Columns, prices: FloatArray
    ) -> None:
        self.prices = prices
        self.inputs, self.given = inputs, cast(Any, choice.given)
        self.rows = choice.rows[choice.rows < inputs.recorded]
        self.count, self.columns = len(self.rows), choice.columns
        setting = inputs.of_scheme("vehicles")
        assert setting is not None
        self.setting, self.fleet = setting, fleet
        self._streams = Streams(inputs.scenario.seed)

    def draw(self, purpose: str, step: int) -> FloatArray:
        """Return the draw of each for a purpose in a step."""
        every: FloatArray = self.setting.groups.draw(self._streams, purpose, _VEHICLE, step)
        return every[self.rows]

    def of_fleet(self, name: str) -> FloatArray:
        """Return a quantity that never changes, of each."""
        return np.asarray(self.fleet[name][self.rows], dtype=np.float64)

    def starts_in(self) -> NDArray[np.int64]:
        """Return in which community each begins."""
        where = np.asarray(self.setting.fleet["community"])[self.rows]
        return where.astype(np.int64)

    def end(self, step: int) -> None:
        """Do nothing as a step ends."""


class _Thresholds(_Drawn):
    """Vehicles that choose one of several thresholds."""

    def due(self, seen: Seen) -> FloatArray:
        """Return what each threshold asks of each, shape (n, thresholds) [kWh]."""
        lower, upper = seen.stores.lower_kwh, seen.stores.upper_kwh
        if self.given.at_home:
            assert seen.home is not None
            lower, upper = np.where(seen.home, lower, 0.0), np.where(seen.home, upper, 0.0)
        found, margin = [], self.given.sell_margin
        for threshold in self.given.thresholds:
            below = np.inf if threshold is None else float(threshold)
            above = np.inf if margin is None else below + margin
            found.append(by_thresholds(seen.price, lower, upper, below, above))
        return np.stack(found, axis=1)

    def choose(self, seen: Seen) -> DrawnChoice:
        """Return what each chooses."""
        raise NotImplementedError

    def learn(self, seen: Seen, chosen: Rows, due: FloatArray) -> None:
        """Take in what a step brought."""
        raise NotImplementedError

    def step(self, seen: Seen) -> FloatArray:
        """Take in a step; return how far each exchange is from that of its threshold [kWh]."""
        due = self.due(seen)
        off = np.abs(seen.energy_kwh[:, None] - due)
        chosen = self.choose(seen).settled(off)
        self.learn(seen, chosen, due)
        return np.asarray(off[np.arange(len(chosen)), chosen])


class _RegretReplay(_Thresholds):
    """Regret matching."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        inertia = None if self.given.regret == "unconditional" else float(self.given.inertia)
        self._regrets = Regrets.of(self.count, len(self.given.thresholds), inertia)

    def choose(self, seen: Seen) -> DrawnChoice:
        """Return what each chooses by its regrets."""
        draw = self.draw("regret matching", seen.step)[seen.here]
        return self._regrets.choose(seen.here, draw)

    def learn(self, seen: Seen, chosen: Rows, due: FloatArray) -> None:
        """Regret what other thresholds would have brought."""
        gains = [seen.stores.gain(seen.price, energy) for energy in due.T]
        self._regrets.take(seen.here, chosen, np.stack(gains, axis=1))


class _ValuesReplay(_Thresholds):
    """Q-learning."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        keys = self.given
        shape = self.count, keys.hours_apart * keys.bands, len(keys.thresholds)
        terms = keys.rate, keys.discount, keys.exploration, keys.decay
        self._values = Values.of(shape, terms)
        room = self.of_fleet("soc_max") - self.of_fleet("soc_min")
        self._room_kwh = room * self.of_fleet("capacity_kwh")

    def _state(self, seen: Seen) -> Rows:
        keys = self.given
        part = int(self.inputs.calendar.hour_of_day(seen.step) * keys.hours_apart / _DAY_H)
        filled = seen.stores.usable_kwh / self._room_kwh[seen.here]
        band = np.clip(np.floor(filled * keys.bands), 0, keys.bands - 1)
        return np.asarray(part * keys.bands + band, dtype=np.intp)

    def choose(self, seen: Seen) -> DrawnChoice:
        """Return what each chooses in its state."""
        draw = self.draw("q learning", seen.step)[seen.here]
        return self._values.choose(seen.here, self._state(seen), draw)

    def learn(self, seen: Seen, chosen: Rows, due: FloatArray) -> None:
        """Learn from the play before, and note this one."""
        held, paid = seen.stores.satisfaction(0.0), seen.price * seen.energy_kwh
        self._values.take(seen.here, self._state(seen), chosen, held, paid)


class _ImitationReplay(_Thresholds):
    """Imitation."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        keys = self.given
        first = self.draw("first threshold", 0) * len(keys.thresholds)
        self._choice, self._gains = first.astype(np.intp), Gains.of(self.count)
        self._every = max(round(keys.compare_every_h / self.inputs.step_h), 1)
        network = keys.network
        stream = Streams(self.inputs.scenario.seed).generator("social network", _VEHICLE)
        seed = int(stream.integers(2**32))
        if network.kind == "community":
            self._peers_of = by_community(self.starts_in())
        elif network.kind == "given":
            path = self.inputs.scenario.path_of(network.file)
            self._peers_of = given_network(path, self.count).peers_of
        elif network.kind == "small_world":
            made = small_world(self.count, network.neighbours, network.rewired, seed)
            self._peers_of = made.peers_of
        else:
            self._peers_of = scale_free(self.count, network.neighbours, seed).peers_of

    def choose(self, seen: Seen) -> DrawnChoice:
        """Return what each follows."""
        chosen = self._choice[seen.here]
        return DrawnChoice(chosen, chosen[:, None] == np.arange(len(self.given.thresholds)))

    def learn(self, seen: Seen, chosen: Rows, due: FloatArray) -> None:
        """Add what the step brought."""
        stores = seen.stores
        held, after = stores.satisfaction(0.0), stores.satisfaction(seen.energy_kwh)
        self._gains.take(seen.here, held, after, seen.price * seen.energy_kwh)

    def end(self, step: int) -> None:
        """Compare with acquaintances where it is time to."""
        if (step + 1) % self._every:
            return
        keys, everyone = self.given, np.arange(self.count)
        gain = self._gains.gain / np.maximum(self._gains.times, 1.0)
        draws = [self.draw(f"acquaintance {k}", step) for k in range(keys.compared)]
        peer = better_known(self._peers_of(everyone, np.stack(draws, axis=1)), gain)
        chance = likely_to_follow(gain, gain[peer], keys.strength)
        adopts = self.draw("adoption", step) < chance
        adopted = np.where(adopts, self._choice[peer], self._choice)
        if keys.error > 0.0:
            count, err = len(keys.thresholds), self.draw("error of imitation", step)
            tried = np.minimum((err / keys.error * count).astype(np.intp), count - 1)
            adopted = np.where(err < keys.error, tried, adopted)
        self._choice = adopted
        self._gains.begin()


class _HabitReplay(_Drawn):
    """Habit."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._habits = Habits(np.full((self.count, self.given.day_slots), np.nan))

    def step(self, seen: Seen) -> FloatArray:
        """Take in a step; return how far each exchange is from habit or best response [kWh]."""
        hour = self.inputs.calendar.hour_of_day(seen.step)
        slot, here = int(hour / _DAY_H * self.given.day_slots), seen.here
        attention = self.columns["attention"][here]
        keeps = self._habits.follows(here, slot, self.draw("habit", seen.step)[here], attention)
        did = np.nan_to_num(self._habits.did[here, slot])
        due = np.clip(did, seen.stores.lower_kwh, seen.stores.upper_kwh)
        off = np.where(
            keeps, np.abs(seen.energy_kwh - due), seen.stores.wrong_by(seen.price, seen.energy_kwh)
        )
        self._habits.did[here, slot] = seen.energy_kwh
        return off


class _PlanReplay(_Drawn):
    """Foresight."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        prices = self.prices
        inputs, of = self.inputs, self.of_fleet
        settings = inputs.scenario.expected_price
        tariff = inputs.scenario.prices.time_of_use.off_peak
        start = tariff if settings.start is None else settings.start
        slots = max(1, round(_DAY_H / inputs.step_h))
        self._terms = start, settings.forecaster, slots
        self._steps = max(round(self.given.horizon_h / inputs.step_h), 1)
        # Where a community had no supply, the price that was expected counts as asked.
        self._asked = prices.copy()
        for step in np.flatnonzero(np.isnan(prices).any(axis=1)).tolist():
            due = expected_prices(self._asked[:step], 1, *self._terms)[0]
            self._asked[step] = np.where(np.isnan(prices[step]), due, prices[step])
        v2g = np.where(np.isnan(of("v2g_kw")), of("power_kw"), of("v2g_kw"))
        self._room_kwh = (of("soc_max") - of("soc_min")) * of("capacity_kwh")
        self._rates_kwh = of("power_kw") * inputs.step_h, v2g * inputs.step_h
        self._efficiencies = of("charge_efficiency"), of("discharge_efficiency")

    def step(self, seen: Seen) -> FloatArray:
        """Return how far each exchange is from that of its plan [kWh]."""
        here, stores = seen.here, seen.stores
        coming = expected_prices(self._asked[: seen.step], self._steps, *self._terms)[1:]
        batteries = PlanningBatteries(
            stores.lam, stores.theta, self._room_kwh[here],
            *(each[here] for each in (*self._rates_kwh, *self._efficiencies)),
        )  # fmt: skip
        value = batteries.values(coming[:, seen.place], self.given.levels)
        bounds = stores.lower_kwh, stores.upper_kwh
        return batteries.wrong_by(value, stores.usable_kwh, bounds, seen.price, seen.energy_kwh)


class _MembershipReplay(_Drawn):
    """Joining and leaving an aggregator."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._member = self.draw("first members of aggregators", 0) < self.given.first_share
        self._gains, self._steps = Gains.of(self.count), 0
        self._kind = np.unique(self.starts_in(), return_inverse=True)[1].astype(np.intp)

    def step(self, seen: Seen) -> FloatArray:
        """Take in a step; return how far members and others are from what is due [kWh]."""
        stores, here = seen.stores, seen.here
        assert seen.home is not None
        typical = np.where(seen.home, stores.upper_kwh, 0.0)
        off = np.where(
            self._member[here],
            stores.wrong_by(seen.price, seen.energy_kwh),
            np.abs(seen.energy_kwh - typical),
        )
        held, after = stores.satisfaction(0.0), stores.satisfaction(seen.energy_kwh)
        self._gains.take(here, held, after, seen.price * seen.energy_kwh)
        return off

    def end(self, step: int) -> None:
        """Let vehicles join and leave where a month ends."""
        self._steps += 1
        date_of, given = self.inputs.calendar.date_of, self.given
        if date_of(step + 1).month == date_of(step).month:
            return
        months = self._steps * self.inputs.step_h / _MONTH_H
        saving = expected_to_save(self._gains.gain / months, self._member, self._kind)
        costs = np.full(self.count, given.cost)
        joins = self.draw("chosen aggregator", step) < likely_to_follow(
            costs, saving, given.sensitivity
        )
        again = self.draw("reconsidered aggregator", step) < given.reconsiders
        self._member = np.where(again, joins, self._member)
        self._gains.begin()
        self._steps = 0


REPLAYS: dict[str, type[Any]] = {
    "regret_matching": _RegretReplay,
    "q_learning": _ValuesReplay,
    "imitate": _ImitationReplay,
    "habit": _HabitReplay,
    "foresight": _PlanReplay,
    "join_and_leave": _MembershipReplay,
}
# These compare all vehicles of their choice, and are replayed where all of them are written down.
OF_ALL = ("imitate", "join_and_leave")
