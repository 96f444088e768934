"""Series of a dataset over the steps of a run."""

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem


def resampled(
    values: FloatArray, interval_us: int, step_us: int, unit: str, place: str
) -> FloatArray:
    """Return a series over longer steps: energy by its sum, all else by its mean.

    Parameters
    ----------
    values : array, shape (intervals, ...)
        The series over whole steps.
    interval_us, step_us : int
        Lengths of an interval and of a step [µs].
    unit : str
        Unit of the series; kWh is an energy.
    place : str
        Where the series stands, for the error.

    Returns
    -------
    array, shape (steps, ...)
        The series.

    Raises
    ------
    InputError
        If an interval is longer than a step, or no whole part of it.
    """
    if step_us % interval_us:
        minutes, step = interval_us / 60e6, step_us / 60e6
        coarser = "longer than" if interval_us > step_us else "no whole part of"
        message = f"intervals of {minutes:g} min are {coarser} the step of {step:g} min"
        allowed = f"step_h of {minutes / 60:g} or a multiple of it; nothing finer can be made up"
        raise InputError([Problem(place, message, allowed)])
    parts = values.reshape(-1, step_us // interval_us, *values.shape[1:])
    return parts.sum(axis=1) if unit == "kWh" else parts.mean(axis=1)
