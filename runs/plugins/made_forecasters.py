"""Forecasters that plugins make, held to what a forecaster returns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.forecasters import Forecaster
from hmesh.runs.plugins.registered import FORECASTERS


def plugin_forecaster(
    kind: str,
    options: Mapping[str, float | bool | str],
    history: FloatArray,
    day_slots: int,
    *,
    prices: bool = False,
) -> Forecaster:
    """Return the forecaster that a plugin makes, whose forecasts are checked.

    Parameters
    ----------
    kind, options : str, mapping of float, bool or str
        Name with which it is registered, and values of its arguments.
    history : array, shape (slots, series)
        What was read before the run.
    day_slots : int
        Slots of a day.
    prices : bool
        Whether it forecasts prices, which may be below 0, and not energies.

    Raises
    ------
    InputError
        When it cannot be made.
    """
    registered = FORECASTERS[kind]
    try:
        made = registered.function(history.copy(), day_slots, **options)
    except InputError:
        raise
    except Exception as error:
        message = f"cannot be made: {type(error).__name__}: {error}"
        raise InputError([Problem(registered.place, message)]) from error
    if not callable(getattr(made, "forecast", None)):
        message = f"returns {type(made).__name__}, which has no method forecast"
        allowed = "an object with forecast(past, steps, at)"
        raise InputError([Problem(registered.place, message, allowed)])
    return CheckedForecaster(made, registered.place, prices=prices)


@dataclass(frozen=True, slots=True)
class CheckedForecaster:
    """A forecaster of a plugin, held to what a forecaster returns.

    Attributes
    ----------
    forecaster : Forecaster
        The forecaster.
    place : str
        Where it is defined, for messages.
    prices : bool
        Whether it forecasts prices, which may be below 0, and not energies.
    """

    forecaster: Forecaster
    place: str
    prices: bool = False

    def forecast(self, past: FloatArray, steps: int, at: int) -> FloatArray:
        """Return its forecast, once its shape and numbers are found right."""
        reported = np.asarray(self.forecaster.forecast(past.copy(), steps, at), dtype=np.float64)
        shape = (steps, past.shape[1])
        if reported.shape != shape:
            message = f"returns a forecast of shape {reported.shape}"
            raise InputError([Problem(self.place, message, f"{shape}, slots and series")])
        if np.isinf(reported).any() or (not self.prices and (reported < 0).any()):
            message = "returns a forecast that is infinite or below 0"
            allowed = "energies, or NaN where none is known"
            if self.prices:
                message, allowed = "returns a forecast that is infinite", "prices, or NaN"
            raise InputError([Problem(self.place, message, allowed)])
        return reported
