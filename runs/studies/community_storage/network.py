"""Table 2 of the community storage study on measured loads: the network of Table 1 and others."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.day_slots import slots_by_clock
from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.forecast_errors import ForecastErrors, forecast_errors
from hmesh.runs.schemes.community_storage.forecasters import networks_folder
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.world.dataset_files import load_dataset

if TYPE_CHECKING:
    from hmesh.environment.lstm_forecaster import LstmSettings

# As many series as Table 2 has, each as long as the published one: 180 days of 96 and a window.
MOST_SERIES = 4
MOST_READINGS = 180 * 96 + 96


def measured_series(folder: Path) -> tuple[dict[str, FloatArray], int]:
    """Return some series of a dataset and the slots of a day.

    Returns
    -------
    series : dict
        Mean power in every interval by name, NaN where none was measured, shape (intervals,) [kW];
        members have no series of what was never measured.
    day_slots : int

    Raises
    ------
    InputError
        If the dataset cannot be read, or holds no profiles of members.
    """
    dataset = load_dataset(folder, ("members", "profiles"))
    if "profiles" not in dataset.series:
        raise InputError([Problem(str(folder), "has no table profiles", "loads of members")])
    given = dataset.description
    begin, end = (time.astimezone(UTC) for time in given.period())
    step_h = given.minutes_of("profiles") / 60
    local = begin.astimezone(given.zone).replace(tzinfo=None, fold=0)
    calendar = Calendar(local, given.time_zone, step_h)
    steps = min(int((end - begin) / timedelta(hours=step_h)), MOST_READINGS)
    profiles = dataset.series["profiles"]
    series = {
        f"{key}, {what}": profiles.over(name, calendar, steps)[:, column] / step_h
        for column, key in enumerate(profiles.keys)
        for name, what in (("load_kwh", "load"), ("pv_kwh", "photovoltaics"))
        if name in profiles.values
    }
    # Nothing can be learned of what no meter measured, such as the sun of a house without modules.
    measured = [name for name, readings in series.items() if np.isfinite(readings).any()]
    return {name: series[name] for name in measured[:MOST_SERIES]}, slots_by_clock(step_h)


def refuse_unlearnable(folder: Path) -> None:
    """Refuse a dataset that cannot be learned from, or a missing extra, before anything else.

    Raises
    ------
    InputError
        As `measured_series` and `train_network` do.
    """
    from hmesh.environment.lstm_forecaster import LstmSettings, windows_of

    settings = LstmSettings()
    series, _ = measured_series(folder)
    problems = [
        Problem(f"{folder}: {name}", f"{len(after):,} windows without a gap", f"at least {least:,}")
        for name, readings in series.items()
        for _, after in [windows_of(readings, settings.window)]
        if len(after) < (least := settings.least_windows)
    ]
    refuse_all(problems)


def network_section(
    folder: Path,
    settings: "LstmSettings | None" = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReportSection:
    """Train the network of Table 1 on measured series, or take the one trained on them before.

    Parameters
    ----------
    folder : Path
        Folder of a dataset.
    settings : LstmSettings, optional
        How networks are made; as published unless given.
    progress : callable
        Called with the epochs done and all there are.
    """
    from hmesh.environment.lstm_forecaster import LstmSettings, trained_or_loaded, windows_of

    settings = settings or LstmSettings()
    measured, day = measured_series(folder)
    rows: list[tuple[Cell, ...]] = []
    beaten = []
    for done, (name, series) in enumerate(measured.items()):

        def reported(epochs: int, _: int, done: int = done) -> None:
            progress(done * settings.epochs + epochs, len(measured) * settings.epochs)

        network = trained_or_loaded(series, settings, networks_folder(), reported)
        windows, after = windows_of(series, settings.window)
        _, known = settings.split(len(after))
        found = {"network": forecast_errors(network.next_readings(windows[known:]), after[known:])}
        found |= _naive(series, settings.window, known, day)
        for method, errors in found.items():
            rows.append(
                (method, name, errors.mse, errors.mae, 100 * errors.mape, errors.largest,
                 errors.consistent)
            )  # fmt: skip
        best = min(found["a day ago"].mse, found["a week ago"].mse)
        beaten.append(found["network"].mse < best)
    columns = (
        Column("forecast"),
        Column("series"),
        Column("MSE [kW^2]", ".5g"),
        Column("MAE [kW]", ".4g"),
        Column("MAPE [%]", ".1f"),
        Column("largest [kW]", ".3g"),
        Column("consistent"),
    )
    tested = 1 - settings.train_share - settings.validate_share
    text = (
        f"One slot ahead, on the last {100 * tested:.0f} % of the windows, which nothing has "
        "learned from. Networks are kept and used again.",
        f"By mean squared error the network beats the seasonal naive forecast, of a day and of a "
        f"week ago, on {sum(beaten)} of {len(beaten)} series.",
    )
    return ReportSection(
        "table_2_network", "Table 2 on measured loads: the network of Table 1", columns,
        tuple(rows), text,
    )  # fmt: skip


def _naive(series: FloatArray, window: int, known: int, day: int) -> dict[str, ForecastErrors]:
    """Return the errors of naive forecasts on the windows that test the network."""
    both = np.lib.stride_tricks.sliding_window_view(series, window + 1)
    ends = np.flatnonzero(~np.isnan(both).any(axis=1))[known:] + window
    ago = {"the last reading": 1, "a day ago": day, "a week ago": 7 * day}
    return {
        name: forecast_errors(
            np.where(ends >= slots, series[np.maximum(ends - slots, 0)], np.nan), series[ends]
        )
        for name, slots in ago.items()
    }
