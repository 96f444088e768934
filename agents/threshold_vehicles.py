"""Vehicles that go by thresholds, given or learned, and those that charge whatever the price."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.curve_vehicle import CurveVehicle
from hmesh.agents.electric_vehicle import VehicleRows
from hmesh.agents.row_agent import Column
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.arrays import FloatArray
from hmesh.environment.social_network import by_community, given_network, scale_free, small_world
from hmesh.markets.answer_curves import threshold_curves
from hmesh.markets.answers import Answers
from hmesh.markets.departure_value import gain_of_exchange, gain_since, worth_before_departure
from hmesh.markets.imitation import best_of, fermi
from hmesh.markets.q_learning import choose, exploration_after, value_learned
from hmesh.markets.regret_matching import play_conditional, play_unconditional, regret_gained
from hmesh.markets.threshold_answers import chosen_threshold_answers, two_threshold_answers

type Paid = StepPayment[FloatArray]
# From numbers of players and uniform draws of shape (players, k) to their peers.
type Peers = Callable[[NDArray[np.intp], FloatArray], NDArray[np.intp]]


class _Plain(CurveVehicle):
    """Exchanges one of three energies by two prices: a curve of two jumps and nothing else."""

    @classmethod
    def prices(cls, vehicles: VehicleRows) -> tuple[Any, Any]:
        """Return the price up to which each charges, and that above which it sells."""
        raise NotImplementedError

    @classmethod
    def energies(cls, vehicles: VehicleRows) -> tuple[FloatArray, FloatArray]:
        """Return what each exchanges where it sells, and where it charges [kWh].

        Of vehicles that go by their thresholds at home alone, nothing elsewhere.
        """
        lower, upper = vehicles.exchange_bounds()
        if not cls.at_home():
            return lower, upper
        home = vehicles.day_finished
        return np.where(home, lower, 0.0), np.where(home, upper, 0.0)

    @classmethod
    def at_home(cls) -> bool:
        """Return whether they exchange energy in their night at home alone."""
        return bool(cls.given.at_home)

    @classmethod
    def terms(cls, vehicles: VehicleRows) -> tuple[Any, Any, FloatArray, FloatArray]:
        """Return both prices and both energies, worked out once a step."""
        make = lambda: (*cls.prices(vehicles), *cls.energies(vehicles))  # noqa: E731
        terms: tuple[Any, Any, FloatArray, FloatArray] = vehicles.once("terms", make)
        return terms

    @classmethod
    def curve_rows(cls, vehicles: VehicleRows) -> FloatArray:
        """Return two jumps."""
        return threshold_curves(*cls.terms(vehicles))

    @classmethod
    def respond_rows(cls, vehicles: VehicleRows, price: float) -> FloatArray:
        """Return the energies at a price [kWh]."""
        below, above, lower, upper = cls.terms(vehicles)
        sells = np.where(np.less(above, price), lower, 0.0)
        return np.asarray(np.where(np.less_equal(price, below), upper, sells))

    @classmethod
    def answers_rows(cls, vehicles: VehicleRows) -> Answers:
        """Return all jumps together."""
        below, above, lower, upper = cls.terms(vehicles)
        return two_threshold_answers(below, above, lower, upper)


class TypicalVehicle(_Plain):
    """Charges until full once its night at home has begun, whatever the price."""

    @classmethod
    def at_home(cls) -> bool:
        """Return that it exchanges energy at home alone."""
        return True

    @classmethod
    def prices(cls, vehicles: VehicleRows) -> tuple[Any, Any]:
        """Return that it charges at any price and never sells."""
        return np.inf, np.inf


class ThresholdVehicle(_Plain):
    """Charges at full power up to a price, and sells at full power above another."""

    charge_below = Column(np.float64, "money/kWh", 0.0, "price up to which it charges")
    sell_above = Column(np.float64, "money/kWh", np.inf, "price above which it sells")

    @classmethod
    def prices(cls, vehicles: VehicleRows) -> tuple[Any, Any]:
        """Return its two prices."""
        return vehicles.charge_below, vehicles.sell_above


class _Chooser(_Plain):
    """Chooses one of several thresholds in every step."""

    @classmethod
    def thresholds(cls) -> tuple[FloatArray, FloatArray]:
        """Return the prices of its strategies: up to which it charges, above which it sells."""
        below = np.array([as_price(price) for price in cls.given.thresholds])
        margin = cls.given.sell_margin
        return below, np.full_like(below, np.inf) if margin is None else below + margin

    @classmethod
    def chosen(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return the strategy of each in this step."""
        raise NotImplementedError

    @classmethod
    def prices(cls, vehicles: VehicleRows) -> tuple[Any, Any]:
        """Return the prices of the strategy that each has chosen."""
        below, above = cls.thresholds()
        chosen = cls.chosen_now(vehicles)
        return below[chosen], above[chosen]

    @classmethod
    def chosen_now(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return the strategy of each in this step, worked out once."""
        held = vehicles.population.group.worked_out(cls, "chosen")
        known = held[vehicles.rows]
        if np.isnan(known).any():
            known = held[vehicles.rows] = cls.chosen(vehicles)
        return np.asarray(known, dtype=np.intp)

    @classmethod
    def answers_rows(cls, vehicles: VehicleRows) -> Answers:
        """Return all jumps together, one for each threshold."""
        energies = cls.energies(vehicles)
        return chosen_threshold_answers(*cls.thresholds(), cls.chosen_now(vehicles), *energies)

    @classmethod
    def gains(cls, vehicles: VehicleRows, price: FloatArray) -> FloatArray:
        """Return what each would gain by every strategy at the price it pays, shape (n, k)."""
        stores = vehicles.stores()
        below, above = cls.thresholds()
        lower, upper = cls.energies(vehicles)
        charging = gain_of_exchange(stores, upper, price)
        selling = gain_of_exchange(stores, lower, price) if np.isfinite(above).any() else None
        gains = np.empty((len(below), len(price)))
        for k, own in enumerate(gains):
            np.multiply(charging, price <= below[k], out=own)
            if selling is not None:
                own[:] = np.where(price > above[k], selling, own)
        return gains.T


def as_price(price: float | None) -> float:
    """Return a threshold as a number, infinite where it is null: it charges at any price."""
    return np.inf if price is None else float(price)


class RegretVehicle(_Chooser):
    """Plays one of several thresholds by its regret of not having played the others."""

    regret = Column(
        np.float64, "money", 0.0, "sum of its regrets of each threshold", state=True, width=1
    )
    last_choice = Column(np.int16, "-", -1, "threshold it played last, -1 for none", state=True)
    plays = Column(np.int64, "-", 0, "how often it has played", state=True)
    largest_gain = Column(np.float64, "money", 0.0, "largest gain so far, up or down", state=True)

    @classmethod
    def widths(cls) -> dict[str, int]:
        """Return the width of its regrets: of each threshold, or of each after each."""
        count = len(cls.given.thresholds)
        return {"regret": count * count if cls.given.regret == "conditional" else count}

    @classmethod
    def chosen(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return what each plays by its regrets and its draw of the step."""
        draw, count = vehicles.draw("regret matching"), len(cls.given.thresholds)
        if cls.given.regret == "unconditional":
            return play_unconditional(vehicles.regret[:, :count], draw)
        last = vehicles.last_choice.astype(np.intp)
        after = vehicles.regret[:, : count * count].reshape(-1, count, count)
        own = np.take_along_axis(after, np.maximum(last, 0)[:, None, None], axis=1)[:, 0]
        inertia = cls.given.inertia * (count - 1) * vehicles.largest_gain * vehicles.plays
        return play_conditional(own, last, inertia, draw)

    @classmethod
    def learn_rows(cls, vehicles: VehicleRows, settlement: Paid) -> None:
        """Add what every threshold would have brought beyond the one that was played."""
        chosen, gains = cls.chosen_now(vehicles), cls.gains(vehicles, settlement.price)
        more, count = regret_gained(gains, chosen), gains.shape[1]
        if cls.given.regret == "unconditional":
            held = vehicles.population["regret"]
            for k in range(count):
                held[vehicles.rows, k] += more[:, k]
        else:
            regret = np.array(vehicles.regret)
            after = regret[:, : count * count].reshape(-1, count, count)
            after[np.arange(len(chosen)), chosen] += more
            regret[:, : count * count] = after.reshape(-1, count * count)
            vehicles.regret = regret
        vehicles.last_choice = chosen
        vehicles.plays = vehicles.plays + 1
        vehicles.largest_gain = np.maximum(vehicles.largest_gain, np.abs(gains.T).max(axis=0))


class QLearningVehicle(_Chooser):
    """Learns what each threshold is worth by hour and state of charge, by trying it."""

    q_value = Column(
        np.float64, "money", 0.0, "worth of each threshold in each state", state=True, width=1
    )
    last_cell = Column(np.int32, "-", -1, "state and threshold of its last play", state=True)
    last_cost = Column(
        np.float64, "money", 0.0, "worth of what it held then, and what it paid", state=True
    )
    plays = Column(np.int64, "-", 0, "how often it has played", state=True)

    @classmethod
    def widths(cls) -> dict[str, int]:
        """Return the width of its table: of each threshold in each state."""
        given = cls.given
        return {"q_value": given.hours_apart * given.bands * len(given.thresholds)}

    @classmethod
    def situation(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return the state of each: the part of the day, and the band of its state of charge."""
        given, world = cls.given, vehicles.model
        hour = world.calendar.hour_of_day(world.step_index)
        part = int(hour * given.hours_apart / 24.0)
        room = (vehicles.soc_max - vehicles.soc_min) * vehicles.capacity_kwh
        held = vehicles.energy_at_plug_kwh - vehicles.soc_min * vehicles.capacity_kwh
        band = np.clip(np.floor(held / room * given.bands), 0, given.bands - 1)
        return np.asarray(part * given.bands + band, dtype=np.intp)

    @classmethod
    def _values(cls, vehicles: VehicleRows, state: NDArray[np.intp]) -> FloatArray:
        """Return what every threshold is worth to each in its state, shape (n, k)."""
        count = len(cls.given.thresholds)
        cells = state[:, None] * count + np.arange(count)
        return np.asarray(vehicles.population["q_value"][vehicles.rows[:, None], cells])

    @classmethod
    def chosen(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return what each plays in its state, by its draw of the step."""
        given = cls.given
        explores = exploration_after(given.exploration, given.decay, vehicles.plays)
        state = cls.situation(vehicles)
        values = cls._values(vehicles, state)
        for name, found in (("state", state), ("best", values.max(axis=1))):
            vehicles.population.group.worked_out(cls, name)[vehicles.rows] = found
        return choose(values, explores, vehicles.draw("q learning"))

    @classmethod
    def learn_rows(cls, vehicles: VehicleRows, settlement: Paid) -> None:
        """Learn from the play before, whose next state is known now, and keep this one."""
        given, count = cls.given, len(cls.given.thresholds)
        chosen, fleet = cls.chosen_now(vehicles), vehicles.population.group
        state = fleet.worked_out(cls, "state")[vehicles.rows].astype(np.intp)
        table, last = vehicles.population["q_value"], vehicles.last_cell
        known = last >= 0
        rows, cells = vehicles.rows[known], last[known]
        best = fleet.worked_out(cls, "best")[rows]
        # What it has now less what it had then and paid: driving in between counts too.
        worth = worth_before_departure(vehicles.stores(), np.zeros(len(vehicles)))
        reward = (worth - vehicles.last_cost)[known]
        table[rows, cells] = value_learned(
            table[rows, cells], reward, best, given.rate, given.discount
        )
        vehicles.last_cost = worth + settlement.paid
        vehicles.last_cell = state * count + chosen
        vehicles.plays = vehicles.plays + 1


class ImitatingVehicle(_Chooser):
    """Adopts the threshold of those of its acquaintances that do better."""

    choice = Column(np.int16, "-", -1, "threshold that it follows; -1: its first draw", state=True)
    earned = Column(np.float64, "money", 0.0, "what it has gained since it compared", state=True)
    last_worth = Column(
        np.float64, "money", np.nan, "worth of what it held after its last exchange", state=True
    )
    asked = Column(np.int64, "-", 0, "how often it was asked since then", state=True)

    peers_of: ClassVar[Peers]

    @classmethod
    def begin_rows(cls, vehicles: VehicleRows) -> None:
        """Make their network, which no draw of a step moves."""
        network, count = cls.given.network, len(vehicles)
        stream = vehicles.model.streams.generator("social network", "electric vehicle")
        seed = int(stream.integers(2**32))
        match network.kind:
            case "community":
                cls.peers_of = staticmethod(by_community(vehicles.community))
            case "given":
                cls.peers_of = given_network(cls.path_of(network.file), count).peers_of
            case "small_world":
                made = small_world(count, network.neighbours, network.rewired, seed)
                cls.peers_of = made.peers_of
            case _:
                cls.peers_of = scale_free(count, network.neighbours, seed).peers_of

    @classmethod
    def chosen(cls, vehicles: VehicleRows) -> NDArray[np.intp]:
        """Return the threshold that each follows, drawn until it has compared."""
        count = len(cls.given.thresholds)
        first = (vehicles.draw("first threshold", 0) * count).astype(np.intp)
        return np.where(vehicles.choice < 0, first, vehicles.choice)

    @classmethod
    def learn_rows(cls, vehicles: VehicleRows, settlement: Paid) -> None:
        """Add what the step has brought."""
        gain, after = gain_since(
            vehicles.stores(), settlement.energy_kwh, settlement.paid, vehicles.last_worth
        )
        vehicles.earned = vehicles.earned + gain
        vehicles.last_worth = after
        vehicles.asked = vehicles.asked + 1

    @classmethod
    def revise_rows(cls, vehicles: VehicleRows) -> None:
        """Compare with acquaintances, all at once, every so many hours."""
        given, world = cls.given, vehicles.model
        every = max(round(given.compare_every_h / vehicles.step_h), 1)
        if (world.step_index + 1) % every:
            return
        # Comparing takes the whole group: peers are known by their number in it.
        everybody = VehicleRows(world, vehicles.population, vehicles.population.group.rows_of(cls))
        own = np.searchsorted(everybody.rows, vehicles.rows)
        gain = everybody.earned / np.maximum(everybody.asked, 1)
        draws = [vehicles.draw(f"acquaintance {k}") for k in range(given.compared)]
        peer = best_of(cls.peers_of(own, np.stack(draws, axis=1)), gain)
        adopts = vehicles.draw("adoption") < fermi(gain[own], gain[peer], given.strength)
        choice = cls.chosen(everybody)
        adopted = np.where(adopts, choice[peer], choice[own])
        if given.error > 0:
            count, err = len(given.thresholds), vehicles.draw("error of imitation")
            tried = np.minimum((err / given.error * count).astype(np.intp), count - 1)
            adopted = np.where(err < given.error, tried, adopted)
        vehicles.choice = adopted
        vehicles.earned = 0.0
        vehicles.asked = 0
