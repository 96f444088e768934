"""What an investment is valued at, worked out a second time from what the scenario states."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.stated_tariff import local_times, price_of_step
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.economics_section import Economics

_YEAR_H = 365 * 24


def valued_at(
    inputs: RunInputs, economics: Economics, hours: Columns, measured: FloatArray | None
) -> FloatArray:
    """Return the prices at which energy is valued, of the shape of the hours [money/kWh].

    Parameters
    ----------
    inputs : RunInputs
        What the scenario of the run settles.
    economics : Economics
        What it states.
    hours : dict of array
        Columns of hours.parquet; their prices count where no tariff is stated.
    measured : array, shape (steps,), or None
        The prices of a dataset, where it sets them.
    """
    asked = np.where(supplied(hours), hours["community_price"], 0.0)
    if economics.tariff is None:
        return asked
    if economics.tariff.bands:
        calendar = inputs.calendar
        begins = local_times(
            calendar.time_of(0).astimezone(calendar.zone), inputs.steps, inputs.step_h
        )
        measured = np.array(
            [
                price_of_step(economics.tariff.bands, at, inputs.step_h, calendar.is_holiday)
                for at in begins
            ]
        )
    assert measured is not None
    return np.broadcast_to(measured[:, None, None], asked.shape)


def faded(
    prefix: str,
    new_kwh: FloatArray,
    left_kwh: FloatArray,
    loss_per_year: FloatArray,
    part: FloatArray | float = 1.0,
) -> Figures:
    """Return the figures of the summary of batteries that lose capacity.

    Parameters
    ----------
    prefix : str
        With which the figures begin.
    new_kwh, left_kwh : array, shape (strategies,)
        Capacity of all batteries at first and at last [kWh].
    loss_per_year : array
        Share of it that a year takes [1/a].
    part : float or array, optional
        Part of the price of all devices that is theirs [-].
    """
    there = new_kwh > 0
    return {
        f"{prefix}_capacity_left": np.where(there, left_kwh / np.where(there, new_kwh, 1.0), 1.0),
        f"{prefix}_fade_per_year": loss_per_year * part,
    }


def invested(
    prefix: str, economics: Economics, investment: FloatArray, inputs: RunInputs
) -> Figures:
    """Return the figures of the summary of an investment, but for what it earns.

    Parameters
    ----------
    prefix : str
        With which the figures begin.
    economics : Economics
        What the scenario states.
    investment : array, shape (strategies,)
        What is invested under each strategy [money].
    inputs : RunInputs
        What the scenario of the run settles.
    """
    each = np.ones(len(investment))
    return {
        f"{prefix}_investment": investment,
        f"{prefix}_interest_rate": economics.interest_rate * each,
        f"{prefix}_lifetime_years": economics.lifetime_years * each,
        f"{prefix}_years": inputs.steps * inputs.step_h / _YEAR_H * each,
    }
