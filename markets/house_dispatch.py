"""What a house with photovoltaics, heat pump, battery and tank can do over many steps.

The balances of electricity and heat, the limits of the devices and the money are stated here once:
the exact dispatch, the rules of a home energy manager and their audit all use them.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseDevices:
    """The devices of a house.

    Attributes
    ----------
    battery_kwh, tank_kwh : float
        Sizes of battery and tank [kWh], the tank's of heat; 0 for none.
    heat_pump_kw, cop : float
        Most electricity the heat pump takes [kW], and heat it makes of each unit [-].
    battery_power_per_kwh, tank_power_per_kwh : float
        Power at the plug, or of the pipes, per size, both ways [kW/kWh].
    battery_efficiency, tank_efficiency : float
        Of charging and of discharging, each 0 < efficiency <= 1 [-].
    soc_min, soc_max : float
        Limits of the battery's state of charge, 0..1 [-].
    tank_loss_per_h : float
        Share of the stored heat lost in an hour [1/h].
    battery_exports : bool
        Whether a dispatch may deliver what the battery gives; else no more is delivered in a step
        than is generated in it.
    """

    battery_kwh: float = 0.0
    tank_kwh: float = 0.0
    heat_pump_kw: float = 1.5
    cop: float = 3.0
    battery_power_per_kwh: float = 0.5
    battery_efficiency: float = 0.95
    soc_min: float = 0.1
    soc_max: float = 0.9
    tank_power_per_kwh: float = 1.0
    tank_efficiency: float = 0.98
    tank_loss_per_h: float = 0.01
    battery_exports: bool = False

    def sized(self, battery_kwh: float, tank_kwh: float) -> Self:
        """Return the same devices with other sizes of battery and tank [kWh, kWh of heat]."""
        return replace(self, battery_kwh=battery_kwh, tank_kwh=tank_kwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePrices:
    """What a house pays and is paid.

    Attributes
    ----------
    purchase, feed_in : array
        Price of what it buys and of what it delivers in each step, arrays of shape (steps,)
        [money/kWh]; either may be the higher one, and below 0.
    battery_wear, tank_wear : float
        Upkeep of battery and tank per energy they give [money/kWh].
    carbon_tax, emission_factor : float
        Tax on emissions [money/kg], and emissions of what is bought [kg/kWh].
    """

    purchase: FloatArray
    feed_in: FloatArray
    battery_wear: float = 0.0
    tank_wear: float = 0.0
    carbon_tax: float = 0.0
    emission_factor: float = 0.0

    @property
    def taxed(self) -> FloatArray:
        """Price of what it buys with the carbon tax on it, shape (steps,) [money/kWh]."""
        return self.purchase + self.carbon_tax * self.emission_factor

    def of_steps(self, cut: slice | NDArray[np.intp]) -> "HousePrices":
        """Return the prices of some steps, in their order."""
        return replace(self, purchase=self.purchase[cut], feed_in=self.feed_in[cut])


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseDemand:
    """What a house needs and what its photovoltaics generate.

    Attributes
    ----------
    load_kwh, heat_kwh, generation_kwh : array
        Electricity of the appliances, heat, and generation of each step, at least 0 each, arrays
        of shape (steps,) [kWh].
    day : array of int
        Local day of each step, array of shape (steps,), never falling.
    step_h : float
        Length of a step [h].
    """

    load_kwh: FloatArray
    heat_kwh: FloatArray
    generation_kwh: FloatArray
    day: NDArray[np.intp]
    step_h: float = 1.0

    def __post_init__(self) -> None:
        """Refuse series that are no demand.

        Raises
        ------
        InputError
            If series have other lengths, or values that are missing or below 0.
        """
        problems = []
        for name in ("load_kwh", "heat_kwh", "generation_kwh"):
            series = getattr(self, name)
            if len(series) != len(self.day):
                allowed = f"{len(self.day)}, as many as days are stated for"
                problems.append(Problem(name, f"{len(series)} steps", allowed))
            elif not (series >= 0).all():
                step = int(np.argmin(series >= 0))
                message = "is missing" if np.isnan(series[step]) else f"is {series[step]:g}"
                problems.append(Problem(f"{name}, step {step}", message, "0 or more"))
        if problems:
            raise InputError(problems)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.day)

    def between(self, first: int, last: int) -> "HouseDemand":
        """Return the steps from `first` to before `last`."""
        return self.of_steps(slice(first, last))

    def of_steps(self, cut: slice | NDArray[np.intp]) -> "HouseDemand":
        """Return some steps, in their order."""
        return HouseDemand(
            load_kwh=self.load_kwh[cut],
            heat_kwh=self.heat_kwh[cut],
            generation_kwh=self.generation_kwh[cut],
            day=self.day[cut],
            step_h=self.step_h,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseFlows:
    """What a house does in each step; every array is of shape (steps,) or (steps, houses) [kWh].

    Attributes
    ----------
    import_kwh, export_kwh : array
        Bought from and delivered to the grid.
    charge_kwh, discharge_kwh, stored_kwh : array
        Of the battery at its plug, and what it holds at the end of the step.
    heat_pump_kwh : array
        Electricity of the heat pump.
    tank_charge_kwh, tank_discharge_kwh, tank_kwh : array
        Heat into and out of the tank at its pipes, and what it holds at the end of the step.
    unmet_heat_kwh : array
        Heat that neither heat pump nor tank could give.
    """

    import_kwh: FloatArray
    export_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    stored_kwh: FloatArray
    heat_pump_kwh: FloatArray
    tank_charge_kwh: FloatArray
    tank_discharge_kwh: FloatArray
    tank_kwh: FloatArray
    unmet_heat_kwh: FloatArray


def electricity_imbalance(
    flows: HouseFlows, load_kwh: FloatArray, generation_kwh: FloatArray
) -> FloatArray:
    """Return by how much more electricity is used than there is in each step; 0 if right [kWh].

    Notes
    -----
    ``el + hp + bc + exp = pv + imp + bd``.
    """
    used = load_kwh + flows.heat_pump_kwh + flows.charge_kwh + flows.export_kwh
    imbalance: FloatArray = used - generation_kwh - flows.import_kwh - flows.discharge_kwh
    return imbalance


def heat_imbalance(flows: HouseFlows, heat_kwh: FloatArray, cop: FloatArray | float) -> FloatArray:
    """Return by how much more heat is given than needed in each step; 0 if right [kWh].

    Notes
    -----
    ``COP hp + td + unmet = heat + tc``.
    """
    given = cop * flows.heat_pump_kwh + flows.tank_discharge_kwh + flows.unmet_heat_kwh
    imbalance: FloatArray = given - heat_kwh - flows.tank_charge_kwh
    return imbalance


def running_cost(flows: HouseFlows, prices: HousePrices) -> FloatArray:
    """Return what each step costs: purchase, feed-in, upkeep and carbon tax [money].

    Notes
    -----
    Source: Scientific Reports 14 (2024) 6279, section 3: ``price imp - FiT exp + 0.013 bd +
    0.007 td``, and the tax on the emissions of what is bought.
    """
    cost: FloatArray = (
        prices.taxed * flows.import_kwh
        - prices.feed_in * flows.export_kwh
        + prices.battery_wear * flows.discharge_kwh
        + prices.tank_wear * flows.tank_discharge_kwh
    )
    return cost


def self_consumption_rate(export_kwh: FloatArray, generation_kwh: FloatArray) -> float:
    """Return the share of the generation that is used in the house [-]; 1 without generation.

    Notes
    -----
    ``PSR = 1 - exp / pv``, Scientific Reports 14 (2024) 6279, eq. (12).
    """
    generated = float(generation_kwh.sum())
    return 1.0 - float(export_kwh.sum()) / generated if generated > 0 else 1.0


def emissions_kg(import_kwh: FloatArray, emission_factor: float) -> float:
    """Return the emissions of what is bought [kg]; Scientific Reports 14 (2024) 6279, eq. (13)."""
    return emission_factor * float(import_kwh.sum())
