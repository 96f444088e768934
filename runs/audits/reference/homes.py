"""One smart home, step by step: the four assignments, admission, storages, shifting, capacities.

eNMES thesis, sections 3.3 to 3.5, and Designs 2024, 8, 11. All energies in kWh, lists over devices.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What rounding may lack.
_TOLERANCE_KWH = 1e-9

type Numbers = Sequence[float]


@dataclass(frozen=True, slots=True)
class Home:
    """The devices of a home, and who feeds whom.

    Attributes
    ----------
    assignment : str
        One of ``spfa_s``, ``spfa_gs``, ``mpfa_sg`` and ``mpfa_mg``.
    generator_storage, load_storage : tuple of int
        The storage on the line of each generator and of each load.
    generators_in_order, loads_in_order : tuple of int
        In which order generators feed loads directly.
    loads_by_priority : tuple of int
        In which order loads are admitted where not all can be met.
    capacity_kwh, soc_min, soc_max, power_kw, charge_efficiency, discharge_efficiency : \
    tuple of float
        Of each storage, as of a battery.
    step_h : float
        Length of a step [h].
    """

    assignment: str
    generator_storage: tuple[int, ...]
    load_storage: tuple[int, ...]
    generators_in_order: tuple[int, ...]
    loads_in_order: tuple[int, ...]
    loads_by_priority: tuple[int, ...]
    capacity_kwh: tuple[float, ...]
    soc_min: tuple[float, ...]
    soc_max: tuple[float, ...]
    power_kw: tuple[float, ...]
    charge_efficiency: tuple[float, ...]
    discharge_efficiency: tuple[float, ...]
    step_h: float

    def feeds(self, generator: int, load: int) -> bool:
        """Return whether a generator may feed a load without a storage between them."""
        if self.assignment == "spfa_s":
            return False
        same_chain = self.generator_storage[generator] == self.load_storage[load]
        return same_chain or self.assignment.startswith("mpfa")

    def takes(self, storage: int, energy_kwh: float) -> float:
        """Return the most that a storage may be charged with in a step."""
        room = max(self.soc_max[storage] * self.capacity_kwh[storage] - energy_kwh, 0.0)
        return min(room / self.charge_efficiency[storage], self.power_kw[storage] * self.step_h)

    def gives(self, storage: int, energy_kwh: float) -> float:
        """Return the most that a storage may deliver in a step."""
        usable = max(energy_kwh - self.soc_min[storage] * self.capacity_kwh[storage], 0.0)
        rated = self.power_kw[storage] * self.step_h
        return min(usable * self.discharge_efficiency[storage], rated)

    def loses(self, storage: int, charge_kwh: float, discharge_kwh: float) -> float:
        """Return what charging and discharging lose: eqs. (3.12), (3.13), each its own flow."""
        charging = (1 - self.charge_efficiency[storage]) * charge_kwh
        return charging + (1 / self.discharge_efficiency[storage] - 1) * discharge_kwh


@dataclass(slots=True)
class HomeStep:
    """What flows in a home in a step, lists over its devices.

    Attributes
    ----------
    on : set of int
        Loads that are served, whole.
    direct : list of list of float
        From each generator to each load.
    drawn, stored, curtailed : list of float
        From storages to each load; of each generator to storages, and what these have no room for.
    charge, discharge, after : list of float
        Of each storage at its plug, and what it holds then.
    """

    on: set[int]
    direct: list[list[float]]
    drawn: list[float]
    stored: list[float]
    curtailed: list[float]
    charge: list[float]
    discharge: list[float]
    after: list[float]


def dispatch(
    home: Home, generation: Numbers, wanted: Numbers
) -> tuple[list[list[float]], list[float], list[float]]:
    """Return what flows directly, what each load then lacks, and what each generator has left."""
    direct = [[0.0] * len(wanted) for _ in generation]
    lack, left = list(wanted), list(generation)
    for g in home.generators_in_order:
        for load in home.loads_in_order:
            if home.feeds(g, load):
                direct[g][load] = min(left[g], lack[load])
                left[g] -= direct[g][load]
                lack[load] -= direct[g][load]
    return direct, lack, left


def admitted(home: Home, generation: Numbers, demand: Numbers, gives: Numbers) -> set[int]:
    """Return the admissible set of loads that is first by priority, all sets tried in turn."""
    wanted = [load for load in home.loads_by_priority if demand[load] > 0.0]
    for states in itertools.product((True, False), repeat=len(wanted)):
        on = {load for load, state in zip(wanted, states, strict=True) if state}
        served = [demand[load] if load in on else 0.0 for load in range(len(demand))]
        _, lack, _ = dispatch(home, generation, served)
        if home.assignment == "mpfa_mg":
            enough = sum(lack) <= sum(gives) + _TOLERANCE_KWH
        else:
            enough = all(
                sum(lack[load] for load in on if home.load_storage[load] == s)
                <= gives[s] + _TOLERANCE_KWH
                for s in range(len(gives))
            )
        if enough:
            return on
    raise AssertionError("without loads nothing lacks")


def settle(home: Home, generation: Numbers, demand: Numbers, energy: Numbers) -> HomeStep:
    """Return what flows in a step of a home that holds some energy at its start."""
    storages, loads = range(len(energy)), range(len(demand))
    pooled, held = home.assignment == "mpfa_mg", list(energy)
    charge, stored = [0.0] * len(energy), [0.0] * len(generation)
    if home.assignment == "spfa_s":
        # Charged first, and usable in the same step.
        charge, stored = _charge(home, generation, energy)
        held = [e + home.charge_efficiency[s] * charge[s] for s, e in enumerate(energy)]
    gives = [home.gives(s, held[s]) for s in storages]
    on = admitted(home, generation, demand, gives)
    direct, drawn, left = dispatch(
        home, generation, [demand[load] if load in on else 0.0 for load in loads]
    )
    if pooled:
        discharge = _equal_shares(sum(drawn), gives)
    else:
        discharge = [
            sum(drawn[load] for load in loads if home.load_storage[load] == s) for s in storages
        ]
    if home.assignment != "spfa_s":
        charge, stored = _charge(home, left, energy)
    after = [
        energy[s]
        + home.charge_efficiency[s] * charge[s]
        - discharge[s] / home.discharge_efficiency[s]
        for s in storages
    ]
    curtailed = [had - into for had, into in zip(left, stored, strict=True)]
    return HomeStep(on, direct, drawn, stored, curtailed, charge, discharge, after)


def _charge(home: Home, left: Numbers, energy: Numbers) -> tuple[list[float], list[float]]:
    """Return what each storage takes of what generators have left, and what of each generator."""
    storages = range(len(energy))
    takes = [home.takes(s, energy[s]) for s in storages]
    if home.assignment == "mpfa_mg":
        total = sum(left)
        taken = min(total, sum(takes))
        return _equal_shares(taken, takes), [_part(each, taken, total) for each in left]
    offers = [
        sum(each for each, s in zip(left, home.generator_storage, strict=True) if s == storage)
        for storage in storages
    ]
    charge = [min(offers[s], takes[s]) for s in storages]
    # Where not all finds room, the generators of a storage are cut back in proportion.
    stored = [
        _part(each, charge[s], offers[s])
        for each, s in zip(left, home.generator_storage, strict=True)
    ]
    return charge, stored


def _part(each: float, taken: float, offered: float) -> float:
    return each * taken / offered if taken < offered else each


def _equal_shares(amount: float, most: Numbers) -> list[float]:
    """Share an amount equally; where one cannot bear its share the others bear the rest."""
    shares, left, bear = [0.0] * len(most), amount, list(range(len(most)))
    while bear:
        weak = [s for s in bear if most[s] < left / len(bear)]
        if not weak or len(weak) == len(bear):
            # To within rounding they bear all of it.
            for s in bear:
                shares[s] = left / len(bear)
            break
        for s in weak:
            shares[s] = most[s]
        left -= sum(most[s] for s in weak)
        bear = [s for s in bear if s not in weak]
    return shares


@dataclass(frozen=True, slots=True)
class HomeDay:
    """The outcome of a day of a home.

    Attributes
    ----------
    on : list of set of int
        Loads served in each step.
    wasted : float
        Losses of the storages and curtailed generation.
    curtailed : float
        Curtailed generation.
    after : list of float
        What the storages hold in the end.
    """

    on: list[set[int]]
    wasted: float
    curtailed: float
    after: list[float]


def settle_day(
    home: Home, generation: Sequence[Numbers], demand: Sequence[Numbers], energy: Numbers
) -> HomeDay:
    """Return the outcome of a day, step by step."""
    on, wasted, curtailed, held = [], 0.0, 0.0, list(energy)
    for made, wanted in zip(generation, demand, strict=True):
        step = settle(home, made, wanted, held)
        held = step.after
        on.append(step.on)
        curtailed += sum(step.curtailed)
        wasted += sum(step.curtailed) + sum(
            home.loses(s, step.charge[s], step.discharge[s]) for s in range(len(held))
        )
    return HomeDay(on, wasted, curtailed, held)


@dataclass(frozen=True, slots=True)
class Shifting:
    """A day of a home whose loads may take other slots.

    Attributes
    ----------
    home, generation, demand, energy : Home, sequence of sequence of float, \
    sequence of sequence of float, sequence of float
        As of `settle_day`.
    window : sequence of sequence of bool
        Slots that each load may take in each step; none for loads that cannot be shifted.
    """

    home: Home
    generation: Sequence[Numbers]
    demand: Sequence[Numbers]
    energy: Numbers
    window: Sequence[Sequence[bool]]

    def slots(self, load: int) -> list[int]:
        """Return the steps in which a load may run."""
        return [t for t, row in enumerate(self.window) if row[load]]

    def choices(self, served: HomeDay) -> float:
        """Return how many choices of slots there are."""
        count = 1.0
        for load in range(len(self.demand[0])):
            slots = len(self.slots(load))
            least = sum(load in on for on in served.on)
            most = sum(row[load] > 0.0 for row in self.demand)
            if slots:
                count *= sum(math.comb(slots, k) for k in range(least, most + 1))
        return count

    def every_choice(self, served: HomeDay) -> Iterator[list[list[float]]]:
        """Yield the demand with every choice of slots."""
        loads = [load for load in range(len(self.demand[0])) if self.slots(load)]
        sets = []
        for load in loads:
            least = sum(load in on for on in served.on)
            most = sum(row[load] > 0.0 for row in self.demand)
            sizes = range(least, most + 1)
            sets.append([c for k in sizes for c in itertools.combinations(self.slots(load), k)])
        for chosen in itertools.product(*sets):
            yield self._with(dict(zip(loads, map(set, chosen), strict=True)))

    def neighbours(self, committed: Sequence[Numbers]) -> Iterator[list[list[float]]]:
        """Yield the demand with one slot exchanged, or one more taken, of each load."""
        loads = [load for load in range(len(self.demand[0])) if self.slots(load)]
        now = {k: {t for t, row in enumerate(committed) if row[k] > 0.0} for k in loads}
        for load in loads:
            most = sum(row[load] > 0.0 for row in self.demand)
            free = [t for t in self.slots(load) if t not in now[load]]
            for t in free:
                if len(now[load]) < most:
                    yield self._with(now | {load: now[load] | {t}})
                for other in now[load]:
                    yield self._with(now | {load: now[load] - {other} | {t}})

    def wasted(self, demand: Sequence[Numbers], served: HomeDay) -> float:
        """Return what a choice of slots wastes; infinite where it is not admissible.

        All slots chosen are served, and no load in fewer of them than without shifting.
        """
        day = settle_day(self.home, self.generation, demand, self.energy)
        for load in range(len(self.demand[0])):
            got = sum(load in on for on in day.on)
            if got < sum(load in on for on in served.on):
                return math.inf
            if self.slots(load) and got < sum(row[load] > 0.0 for row in demand):
                return math.inf
        return day.wasted

    def _with(self, slots: dict[int, set[int]]) -> list[list[float]]:
        each = {load: max(row[load] for row in self.demand) for load in slots}
        return [
            [
                (each[load] if t in slots[load] else 0.0) if load in slots else wanted
                for load, wanted in enumerate(row)
            ]
            for t, row in enumerate(self.demand)
        ]
