"""Houses with storages as a run writes them down: who they are, their sums, what devices can do.

By the second implementation of `hmesh.runs.audits.reference`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.answers_of_stores import AnswersOfStores
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step
from hmesh.runs.audits.reference.heat_pumps import rooms_as_store
from hmesh.runs.audits.reference.house_dispatch import (
    Prices,
    battery_after,
    electricity_lacks,
    heat_lacks,
    tank_after,
)
from hmesh.runs.audits.reference.houses import Devices, Tariff, tariffs
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.composite_storage.own_rules import BOTH, equipped_as
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.strategy_names import is_own
from hmesh.runs.world.expected_price import ExpectedPrice

PREFIX = "houses with storages: "
TANK_ALONE = "thermal_tank"
# Of how many houses the cheapest dispatch is found.
MOST_SOLVED = 4
FLOWS = (
    "import_kwh", "export_kwh", "charge_kwh", "discharge_kwh", "heat_pump_kwh", "tank_charge_kwh",
    "tank_discharge_kwh", "unmet_heat_kwh", "stored_kwh", "tank_kwh",
)  # fmt: skip
NEEDS = ("appliances_kwh", "heat_kwh", "generation_kwh")


def sample_of(recorded: int, first: Sequence[int]) -> NDArray[np.intp]:
    """Return the houses whose cheapest dispatch is found.

    Parameters
    ----------
    recorded : int
        How many houses, counted from 0, are written down.
    first : sequence of int
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


class RecordedHouses:
    """The houses that are written down, and what they may know of prices.

    Parameters
    ----------
    run, inputs : Run, RunInputs
        The run, and what its scenario settles.
    setting : CompositeStorageSetting
        Its houses before anybody acts.
    strategies : sequence of str
        What houses do under each strategy of the run.
    recorded : int
        How many houses, counted from the first, are written down.
    community_price : array
        What every community asked, of the shape of the hours [money/kWh].
    answers_of : AnswersOfStores, optional
        What batteries and tanks exchanged at the price of the step, where they answer.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        setting: CompositeStorageSetting,
        strategies: Sequence[str],
        recorded: int,
        community_price: FloatArray,
        answers_of: AnswersOfStores | None = None,
    ) -> None:
        self.community_price, self.answers_of = community_price, answers_of
        self.inputs, self.setting = inputs, setting
        self.strategies = [equipped_as(strategy) for strategy in strategies]
        # The numbers of those under which managers decide by rules that are known.
        self.by_rules = [s for s, strategy in enumerate(strategies) if not is_own(strategy)]
        self.recorded = recorded
        self.sample = sample_of(recorded, [rows.start for rows in setting.groups])
        prices = setting.prices
        self.prices = Prices(
            prices.purchase + prices.carbon_tax * prices.emission_factor,
            prices.feed_in,
            prices.battery_wear,
            prices.tank_wear,
        )
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

    @property
    def parts(self) -> FloatArray:
        """For which part of each step houses are supplied, shape (steps, houses)."""
        parts: FloatArray = self.inputs.served_part[:, self.setting.community]
        return parts

    def checks(self, there: NDArray[np.bool_], sums: Columns) -> Iterator[Check]:
        """Return what was found.

        Parameters
        ----------
        there : array of bool, shape (steps, strategies, houses)
            Where houses are supplied.
        sums : dict of array, shape (steps, strategies, groups)
            What groups do together.
        """
        yield self._sums(sums)
        yield self._at_once()
        yield self._devices(there)

    def who_they_are(self) -> Check:
        """Check who is written down."""
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
            tally.note(self._partly)
        for g, rows in whole:
            name_of = self.setting.settings.groups[g].name
            for name in (*NEEDS, *FLOWS):
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
        for name in FLOWS:
            tally.add(np.maximum(0.0 - self.rows[name], 0.0), label)
        return tally.check()

    def devices(self, strategy: str) -> Devices:
        """Return the devices of a house under a strategy, as the scenario has them."""
        settings, sizes = self.setting.settings, self.setting.sizes(strategy)
        own = settings.devices
        # Tanks may be sized by the electricity that fills them.
        tank_kwh = sizes.tank_kwh * (own.cop if settings.tank_unit == "electric" else 1.0)
        found = Devices(
            battery_kwh=sizes.battery_kwh,
            soc_min=own.soc_min,
            soc_max=own.soc_max,
            battery_kw=own.battery_power_per_kwh * sizes.battery_kwh,
            battery_efficiency=own.battery_efficiency,
            battery_wear=own.battery_wear,
            tank_kwh=tank_kwh,
            tank_kw=own.tank_power_per_kwh * tank_kwh,
            tank_efficiency=own.tank_efficiency,
            tank_loss_per_h=own.tank_loss_per_h,
            tank_wear=own.tank_wear,
            pump_kw=own.heat_pump_kw,
            cop=own.cop,
            battery_exports=own.battery_exports,
        )
        if settings.rooms is None:
            return found
        store = rooms_as_store(settings.rooms, own.heat_pump_kw * own.highest_cop)
        if strategy not in (TANK_ALONE, BOTH):
            store = store._replace(size_kwh=0.0, power_kw=0.0)
        return replace(
            found,
            tank_kwh=store.size_kwh,
            tank_kw=store.power_kw,
            tank_efficiency=1.0,
            tank_loss_per_h=store.loss_per_h,
            tank_wear=0.0,
        )

    def battery_kwh(self, s: int) -> FloatArray:
        """Return the capacity of the battery of each house in every step, (steps, houses) [kWh]."""
        own, new = self.setting.settings.devices, self.devices(self.strategies[s]).battery_kwh
        if not own.battery_fades:
            return np.full((self.inputs.steps, self.recorded), new)
        return capacity_by_step(
            np.full(self.recorded, new), self.discharged_kwh(s), self.setting.day,
            self.inputs.step_h, own.calendar_fade, own.cycle_fade,
        )  # fmt: skip

    def discharged_kwh(self, s: int) -> FloatArray:
        """Return what the battery of each house discharges in every step, (steps, houses)."""
        done = self.rows["charge_kwh"][:, s] - self.rows["discharge_kwh"][:, s]
        return np.maximum(0.0 - (done + self.answers(s)[:, 0]), 0.0)

    def tariffs(self, s: int) -> dict[int, list[Tariff]]:
        """Return what managers in each community know of the prices of every step, by community."""
        inhabited = np.unique(self.setting.community).tolist()
        if self.setting.local:
            return self._local_tariffs(s, inhabited)
        published = tariffs(
            self.prices.purchase.tolist(),
            self.prices.feed_in.tolist(),
            self.setting.day.tolist(),
        )
        return dict.fromkeys(inhabited, published)

    def _local_tariffs(self, s: int, inhabited: list[int]) -> dict[int, list[Tariff]]:
        """Return it where they pay what their community asks, and expect what it may ask."""
        prices, share = self.setting.prices, self.setting.settings.tariff.feed_in_share
        assert share is not None
        tax, day = prices.carbon_tax * prices.emission_factor, self.setting.day
        begins = np.searchsorted(day, day)
        ends = np.searchsorted(day, day, side="right")
        expected = ExpectedPrice(self.inputs.scenario)
        stated: dict[int, list[Tariff]] = {m: [] for m in inhabited}
        for step in range(self.inputs.steps):
            passed, left = step - int(begins[step]), int(ends[step]) - step
            asked = expected.of_a_day(passed, left)
            for m in inhabited:
                one_day = asked[:, m]
                known = tariffs(
                    (one_day + tax).tolist(), (share * one_day).tolist(), [0] * len(one_day)
                )
                stated[m].append(known[passed])
            expected.observe(self.community_price[step, s])
        return stated

    def answers(self, s: int) -> FloatArray:
        """Return what the battery and the heat pump of each house exchange at the price [kWh].

        Of shape (steps, 2, houses written down), above 0 where drawn.
        """
        if self.answers_of is None:
            return np.zeros((self.inputs.steps, 2, self.recorded))
        exchange = self.answers_of.exchange_kwh[:, s]
        return exchange.reshape(self.inputs.steps, 2, self.recorded)

    def _devices(self, there: NDArray[np.bool_]) -> Check:
        """Check of every house and step what comes in, what is stored, and what devices can do."""
        tally = Tally(f"{PREFIX}devices do what they can, and storages keep it", EXACT, "kWh")
        step_h, shown = self.inputs.step_h, slice(0, self.recorded)
        names = [f"house {house}" for house in range(self.recorded)]
        for s, strategy in enumerate(self.strategies):
            label = self.inputs.places.label(names, 0, [self.inputs.strategies[s]])
            mine = {name: self.rows[name][:, s] for name in (*NEEDS, *FLOWS)}
            own, answers = self.devices(strategy), self.answers(s)
            stored, heat = mine["stored_kwh"], mine["tank_kwh"]
            # What storages exchange at the price of the step passes them, too.
            through = _with_answers(mine, answers, own.cop)
            later = battery_after(stored, through, own.battery_efficiency)
            kept = (1.0 - self.setting.tank_loss[:, None]) ** step_h
            warm = tank_after(heat, through, own.tank_efficiency, kept)
            size = self.battery_kwh(s)
            # A battery that has lost capacity keeps what it held.
            least, most = own.soc_min * size, np.maximum(own.soc_max * size, stored)
            scale = np.maximum(mine["appliances_kwh"] + mine["generation_kwh"], 1.0)
            hours = step_h * self.parts[:, shown]
            rated, piped = own.battery_kw * hours, own.tank_kw * hours
            off = [
                np.abs(electricity_lacks(mine, mine["appliances_kwh"], mine["generation_kwh"])),
                np.abs(heat_lacks(mine, mine["heat_kwh"], self.setting.cop[:, None])),
                np.abs(np.vstack([least[:1], later[:-1]]) - stored),
                np.abs(np.vstack([np.zeros_like(heat[:1]), warm[:-1]]) - heat),
                np.maximum(least - later, later - most),
                np.maximum(0.0 - warm, warm - own.tank_kwh),
                np.maximum(through["charge_kwh"], through["discharge_kwh"]) - rated,
                np.maximum(through["tank_charge_kwh"], through["tank_discharge_kwh"]) - piped,
                through["heat_pump_kwh"] - own.pump_kw * hours,
                np.maximum(0.0 - through["heat_pump_kwh"], 0.0),
                np.where(
                    there[:, s, shown],
                    0.0,
                    sum(mine[name] for name in FLOWS[:8]) + np.abs(answers).sum(axis=1),
                ),
            ]
            worst = np.maximum(np.max(off, axis=0), 0.0) / scale
            tally.add(worst[:, None], label)
        return tally.check()


def _with_answers(flows: Columns, answers: FloatArray, cop: float) -> Columns:
    """Return the flows of houses with what their battery and heat pump answer to a price."""
    battery, pump = answers[:, 0], answers[:, 1]
    return flows | {
        "charge_kwh": flows["charge_kwh"] + np.maximum(battery, 0.0),
        "discharge_kwh": flows["discharge_kwh"] + np.maximum(0.0 - battery, 0.0),
        "heat_pump_kwh": flows["heat_pump_kwh"] + pump,
        "tank_charge_kwh": flows["tank_charge_kwh"] + cop * np.maximum(pump, 0.0),
        "tank_discharge_kwh": flows["tank_discharge_kwh"] + cop * np.maximum(0.0 - pump, 0.0),
    }
