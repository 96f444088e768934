"""Every recorded house with storages decided anew, and held against the cheapest dispatch."""

from collections.abc import Iterator, Sequence

import mesa
import numpy as np
from numpy.typing import NDArray

from hmesh.agents.storage_houses import LocalTariff, StorageHouses
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.streams import Streams
from hmesh.markets.home_energy_rules import TariffSignal
from hmesh.markets.house_dispatch import HouseFlows, running_cost
from hmesh.runs.audits.answers_of_stores import ResponseTables
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.composite_storage.setting import PLAN_GAP, CompositeStorageSetting
from hmesh.runs.world.expected_price import ExpectedPrice

PREFIX = "houses with storages: "
# Of how many houses the cheapest dispatch is found.
MOST_SOLVED = 4
STEPS_AT_ONCE = 256
_FLOWS = (
    "import_kwh", "export_kwh", "charge_kwh", "discharge_kwh", "heat_pump_kwh", "tank_charge_kwh",
    "tank_discharge_kwh", "unmet_heat_kwh", "stored_kwh", "tank_kwh",
)  # fmt: skip
_NEEDS = ("appliances_kwh", "heat_kwh", "generation_kwh")


def sample_of(recorded: int, first: Sequence[int]) -> NDArray[np.intp]:
    """Return the houses whose cheapest dispatch is found.

    Parameters
    ----------
    recorded
        How many houses, counted from 0, are written down.
    first
        The first house of each group.

    Returns
    -------
    array of int
        At most `MOST_SOLVED`: the first of as many groups as there is room for, then others spread
        over all that are written down.
    """
    of_groups = [house for house in first if house < recorded]
    spread = np.linspace(0, max(recorded - 1, 0), min(MOST_SOLVED, recorded)).round()
    chosen = dict.fromkeys([*of_groups, *spread.astype(int).tolist()])
    return np.array(sorted(list(chosen)[:MOST_SOLVED]), dtype=np.intp)


class _Model(mesa.Model):  # type: ignore[type-arg]
    """As much of a world as houses look at; its messages all arrive."""

    def __init__(self, inputs: RunInputs) -> None:
        super().__init__(rng=0)
        self.step_h = inputs.step_h
        self.bus = MessageBus(Streams(inputs.scenario.seed))


class HouseReplay:
    """The recorded houses, lived through again.

    Parameters
    ----------
    run, inputs
        The run, and what its scenario settles.
    setting
        Its houses before anybody acts.
    strategies
        What houses do under each strategy of the run.
    recorded
        How many houses, counted from the first, are written down.
    community_price
        What every community asked, of the shape of the hours [money/kWh].
    responses
        What batteries and tanks exchanged at the price of the step, where they answer.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        setting: CompositeStorageSetting,
        strategies: Sequence[str],
        recorded: int,
        community_price: NDArray[np.float64],
        responses: ResponseTables | None = None,
    ) -> None:
        self.community_price, self.responses = community_price, responses
        self.inputs, self.setting, self.strategies = inputs, setting, strategies
        self.recorded = recorded
        self.sample = sample_of(recorded, [rows.start for rows in setting.groups])
        # Plans are made for each house alone; by rules all houses decide at once.
        self._foreseen = setting.settings.manager == "foresight"
        self._lived = self.sample if self._foreseen else np.arange(setting.houses)
        self.who = TableReader(
            run,
            "storage_houses",
            {
                "group": [group.name for group in setting.settings.groups],
                "community": inputs.communities,
            },
            inputs.start_ms,
        ).rest()
        rows = TableReader(
            run, "house_steps", {"strategy": inputs.strategies}, inputs.start_ms
        ).rest()
        keys: dict[str, range | Sequence[str]] = {
            "step": range(inputs.steps),
            "strategy": inputs.strategies,
            "house": range(recorded),
        }
        self.rows: Columns = framed("house_steps", rows, keys) if recorded else {}

    def checks(
        self, there: NDArray[np.bool_], sums: Columns, *, by_rules: bool = True
    ) -> Iterator[Check]:
        """Return what was found.

        Parameters
        ----------
        there
            Where there is supply, of the shape of the hours.
        sums
            What groups do together, arrays of shape (steps, strategies, groups).
        by_rules
            Whether all managers decide by their rules, and none by a behaviour of a plugin.
        """
        yield self._who()
        if not self.recorded:
            note = "no house is written down"
            yield Check(f"{PREFIX}house by house", None, np.nan, 0.0, "", note=note)
            return
        yield self._sums(sums)
        there = there[:, :, self.setting.community]
        yield self._at_once()
        if by_rules:
            yield self._decided(there)
        yield self._foresight(there)

    def _who(self) -> Check:
        tally = Tally(f"{PREFIX}who is written down", 0.0)
        setting, count = self.setting, self.recorded
        groups = np.repeat(
            np.arange(len(setting.groups)), [rows.stop - rows.start for rows in setting.groups]
        )
        expected = {
            "house": np.arange(count),
            "group": groups[:count],
            "community": setting.community[:count],
            "load_scale": setting.series.load_scale[:count],
            "heat_scale": setting.series.heat_scale[:count],
        }
        for name, values in expected.items():
            found = self.who[name]
            off = np.array([np.inf]) if len(found) != count else np.abs(found - values)
            tally.add(off, lambda at, name=name: f"house {at[0]}, {name}", None)  # type: ignore[misc]
        return tally.check()

    def _sums(self, sums: Columns) -> Check:
        tally = Tally(f"{PREFIX}groups are the sum of their houses", EXACT, "of the energy")
        whole = [
            (g, rows) for g, rows in enumerate(self.setting.groups) if rows.stop <= self.recorded
        ]
        if len(whole) < len(self.setting.groups):
            tally.tell(self._partly)
        for g, rows in whole:
            name_of = self.setting.settings.groups[g].name
            for name in (*_NEEDS, *_FLOWS):
                added = self.rows[name][:, :, rows].sum(axis=2)
                label = self.inputs.places.label([f"{name_of}, {name}"])
                tally.add(relative(sums[name][:, :, g], added)[:, :, None], label)
        return tally.check()

    @property
    def _partly(self) -> str:
        return f"only {self.recorded:,} of {self.setting.houses:,} houses are written down"

    def _at_once(self) -> Check:
        tally = Tally(f"{PREFIX}nothing is done both ways at once", EXACT, "kWh")
        label = self.inputs.places.label("house")
        for one, other in (
            ("import_kwh", "export_kwh"),
            ("charge_kwh", "discharge_kwh"),
            ("tank_charge_kwh", "tank_discharge_kwh"),
        ):
            tally.add(np.minimum(self.rows[one], self.rows[other]), label)
        for name in _FLOWS:
            tally.add(np.maximum(0.0 - self.rows[name], 0.0), label)
        return tally.check()

    def _decided(self, there: NDArray[np.bool_]) -> Check:
        """Let every manager decide anew, and compare what its house did."""
        tally = Tally(f"{PREFIX}managers decide by their rules", EXACT, "of the energy")
        if not self.inputs.reliable:
            tally.tell("messages may be lost or late")
            return tally.check()
        lived = self._lived
        if len(lived) < self.setting.houses:
            tally.tell(self._sampled("plans are made again"))
        shown = lived[lived < self.recorded]
        names = [f"house {house}" for house in shown.tolist()]
        for s, strategy in enumerate(self.strategies):
            houses = StorageHouses(
                _Model(self.inputs),
                self.setting.populations(strategy).rows(lived),
                self.setting.settings.memory,
            )
            plans = self.setting.plans(strategy, lived.tolist()) if self._foreseen else None
            expected = ExpectedPrice(self.inputs.scenario)
            for first in range(0, self.inputs.steps, STEPS_AT_ONCE):
                steps = range(first, min(first + STEPS_AT_ONCE, self.inputs.steps))
                done = []
                for step in steps:
                    told = self._told(step, expected)
                    answer = self._answer(step, s)
                    seen = there[step, s, lived]
                    done.append(self._step(houses, step, seen, plans, told, answer))
                    expected.observe(self.community_price[step, s])
                label = self.inputs.places.label(names, first, [self.inputs.strategies[s]])
                for name in (*_NEEDS, *_FLOWS):
                    due = np.array([step[name][: len(shown)] for step in done])
                    found = self.rows[name][steps.start : steps.stop, s][:, shown]
                    tally.add(relative(found, due)[:, None], label, first)
        return tally.check()

    def _told(self, step: int, expected: ExpectedPrice) -> TariffSignal | list[LocalTariff]:
        """Return what houses hear of a step's prices."""
        setting = self.setting
        if not setting.local:
            return setting.signal(step)
        return setting.local_tariffs(step, expected.of_a_day(*setting.steps_of_day(step)))

    def _answer(self, step: int, s: int) -> NDArray[np.float64] | None:
        """Return what batteries and tanks exchange at the price of a step [kWh], if they answer.

        Of houses that are not written down it is not known, and no other house depends on it.
        """
        if self.responses is None:
            return None
        answer = np.zeros((2, self.setting.houses))
        exchange = self.responses.of_stores["exchange_kwh"][step, s]
        answer[:, : self.recorded] = exchange.reshape(2, -1)
        return answer[:, self._lived].ravel()

    def _sampled(self, what: str) -> str:
        """Tell of which houses something is done."""
        told = ", ".join(map(str, self.sample.tolist()))
        return f"{what} for {len(self.sample)} of {self.setting.houses:,} houses: {told}"

    def _step(
        self,
        houses: StorageHouses,
        step: int,
        there: NDArray[np.bool_],
        plans: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
        told: TariffSignal | list[LocalTariff],
        answer: NDArray[np.float64] | None,
    ) -> Columns:
        """Return what every house lived again does in a step, and let it."""
        setting = self.setting
        if step and setting.day[step] != setting.day[step - 1]:
            houses.begin_day()
        needs = (need[self._lived] for need in setting.series.of_step(step))
        load, heat, sun = (np.where(there, need, 0.0) for need in needs)
        houses.begin_step(load, heat, sun)
        houses.model.bus.begin_step(step)
        held = {
            "stored_kwh": houses.columns.batteries["energy_kwh"].copy(),
            "tank_kwh": houses.columns.tanks["heat_kwh"].copy(),
        }
        if plans is not None:
            battery, tank = (plan[step] for plan in plans)
            decided = houses.follow(step, battery, tank, there)
        else:
            decided = houses.decide(step, told, there)
        houses.move(decided if answer is None else houses.with_response(decided, answer))
        return held | {
            "appliances_kwh": load,
            "heat_kwh": heat,
            "generation_kwh": sun,
            "import_kwh": decided.import_kwh,
            "export_kwh": decided.export_kwh,
            "charge_kwh": np.maximum(decided.battery_kwh, 0.0),
            "discharge_kwh": np.maximum(0.0 - decided.battery_kwh, 0.0),
            "heat_pump_kwh": decided.heat_pump_kwh,
            "tank_charge_kwh": np.maximum(decided.tank_kwh, 0.0),
            "tank_discharge_kwh": np.maximum(0.0 - decided.tank_kwh, 0.0),
            "unmet_heat_kwh": decided.unmet_heat_kwh,
        }

    def _foresight(self, there: NDArray[np.bool_]) -> Check:
        """Hold what houses cost against the cheapest dispatch that knows all steps."""
        tally = Tally(f"{PREFIX}never cheaper than with foresight", PLAN_GAP, "of the cost")
        why = "supply failed at times" if not there.all() else ""
        if self.setting.local:
            why = "houses pay the prices of communities, which nobody knows ahead"
        if self.responses is not None:
            why = "storages exchange energy at the price of the step as well"
        if why:
            tally.tell(why)
            return tally.check()
        if len(self.sample) < self.setting.houses:
            tally.tell(self._sampled("solved"))
        gaps = []
        for house in self.sample.tolist():
            for s, strategy in enumerate(self.strategies):
                mine = {name: self.rows[name][:, s, house] for name in _FLOWS}
                if mine["unmet_heat_kwh"].any():
                    tally.tell("heat was unmet, which the cheapest dispatch may not leave")
                    continue
                plan = self.setting.plan(strategy, house)
                if plan.gap > PLAN_GAP:
                    tally.tell(
                        f"of house {house} under {self.inputs.strategies[s]} the cheapest "
                        f"dispatch is known but for {100 * plan.gap:.2g} % of its cost"
                    )
                best = plan.bound
                found = float(running_cost(HouseFlows(**mine), self.setting.prices).sum())
                scale = max(abs(best), 1.0)
                short = np.array([max(best - found, 0.0) / scale])
                about = f"house {house} under {self.inputs.strategies[s]}"
                tally.add(short, lambda at, about=about: about, None)  # type: ignore[misc]
                gaps.append((found - best) / scale)
        if gaps:
            tally.tell(f"foresight would have saved up to {100 * max(gaps):.1f} % of the cost")
        return tally.check()
