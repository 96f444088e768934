"""The days on which the services of a timetable run."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.datasets.records import Records

_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def service_days(
    calendar: Records | None, calendar_dates: Records | None
) -> dict[str, NDArray[np.datetime64]]:
    """Return the days of every service, by the rules of GTFS.

    Parameters
    ----------
    calendar : Records or None
        Days of the week between two dates, or None.
    calendar_dates : Records or None
        Days added to these and removed from them, or None.

    Returns
    -------
    dict
        For every service its days in order.
    """
    days: dict[str, set[np.datetime64]] = {}
    if calendar is not None:
        runs = np.stack([calendar.columns[day] == "1" for day in _WEEK], axis=1)
        for service, first, last, week in zip(
            calendar.columns["service_id"],
            calendar.columns["start_date"],
            calendar.columns["end_date"],
            runs,
            strict=True,
        ):
            span = np.arange(first, last + np.timedelta64(1, "D"))
            # The days of NumPy are counted from a Thursday.
            weekday = (span.astype(np.int64) + 3) % 7
            days.setdefault(service, set()).update(span[week[weekday]])
    if calendar_dates is not None:
        for service, date, change in zip(
            *(calendar_dates.columns[name] for name in ("service_id", "date", "exception_type")),
            strict=True,
        ):
            of_service = days.setdefault(service, set())
            (of_service.add if change == "1" else of_service.discard)(date)
    return {service: np.array(sorted(found), "datetime64[D]") for service, found in days.items()}


def added_days(calendar_dates: Records | None) -> dict[str, NDArray[np.datetime64]]:
    """Return the days that single dates add to the services, for every service with any."""
    if calendar_dates is None:
        return {}
    service, dates, change = (
        calendar_dates.columns[name] for name in ("service_id", "date", "exception_type")
    )
    added = change == "1"
    return {name: np.unique(dates[added & (service == name)]) for name in set(service[added])}
