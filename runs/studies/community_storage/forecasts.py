"""Table 2 of the community storage study: the errors that were printed, and ours."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slots_by_clock
from hmesh.environment.forecast_errors import ForecastErrors, forecast_errors, least_largest_error
from hmesh.environment.forecasters import (
    Forecaster,
    NoisyActual,
    Persistence,
    RidgeLastDay,
    SeasonalNaive,
)
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.world.setting import Setting

MEAN_LOAD_KW = (11.81 + 12.09 + 13.11) / 3 / 48
TEST_DAYS = 7


def printed_errors_section(
    figures: dict[tuple[str, str, str], PublishedFigure],
) -> ReportSection:
    """Ask whether the errors that were printed can be those of one forecast."""
    rows: list[tuple[Cell, ...]] = []
    for series in ("H1", "H2", "H3", "PV"):
        mse, mae, mape = (
            figures["Table 2", series, f"forecast {name}"].value for name in ("MSE", "MAE", "MAPE")
        )
        needed = least_largest_error(mse, mae)
        possible = mae**2 <= mse and needed <= 10 * MEAN_LOAD_KW
        rows.append((series, mse, mae, mape, float(np.sqrt(mse)), needed, possible))
    columns = (
        Column("series"),
        Column("MSE", ".5f"),
        Column("MAE [kW]", ".4f"),
        Column("MAPE [%]", ".2f"),
        Column("root of MSE [kW]", ".3f"),
        Column("needs an error of [kW]", ".2f"),
        Column("plausible"),
    )
    text = (
        "Every forecast keeps MAE^2 <= MSE <= MAE x its largest error. The printed pairs of the "
        f"households need a single error of 22 kW or more, where the mean load is "
        f"{MEAN_LOAD_KW:.3f} kW; and a root of the MSE of 0.5 to 0.7 kW does not go with a MAPE "
        "of 16 %. MSE or MAE are of another unit or scale than stated; they cannot be reproduced. "
        "(MSE is printed in kW, and is in kW^2.)",
    )
    return ReportSection(
        "table_2_printed", "Table 2: the printed errors", columns, tuple(rows), text
    )


def forecast_errors_section(setting: Setting) -> ReportSection:
    """State the errors of every forecaster on the days of the study before the run."""
    shared: CommunityStorageSetting = setting.schemes["community_storage"]
    assert shared is not None
    rows: list[tuple[Cell, ...]] = []
    consistent = True
    for name, series, errors in errors_of_forecasters(setting, shared):
        consistent &= errors.consistent
        rows.append(
            (name, series, errors.mse, errors.mae, 100 * errors.mape, errors.largest,
             errors.consistent)
        )  # fmt: skip
    columns = (
        Column("forecaster"),
        Column("series"),
        Column("MSE [kW^2]", ".5f"),
        Column("MAE [kW]", ".4f"),
        Column("MAPE [%]", ".1f"),
        Column("largest [kW]", ".2f"),
        Column("consistent"),
    )
    text = (
        f"A day ahead, forecast at each of the last {TEST_DAYS} midnights before it; learned on "
        "the days before those. The loads are drawn, not measured, so that MAPE says what can be "
        "known of them, and not how good a method is elsewhere; 'noise' is the forecaster of the "
        "study, made as good as the published MAPE. MAPE leaves out readings of 0.",
        "The network of Table 1 needs measured loads: --data FOLDER names a dataset of them, on "
        "which it is trained and compared with naive forecasts.",
        "All errors keep their inequalities." if consistent else "Some errors are inconsistent.",
    )
    return ReportSection(
        "table_2", "Table 2: errors of our forecasters", columns, tuple(rows), text
    )


def errors_of_forecasters(
    setting: Setting, shared: CommunityStorageSetting
) -> list[tuple[str, str, ForecastErrors]]:
    """Return forecaster, series and errors, for households and the plant."""
    step_h = shared.calendar.step_h
    day = slots_by_clock(step_h)
    found = []
    series = {
        "H1": shared.demand_history_kwh[:, 0],
        "H2": shared.demand_history_kwh[:, 1],
        "H3": shared.demand_history_kwh[:, 2],
        "PV": shared.generation_history_kwh[:, 0],
    }
    for name, history in series.items():
        readings = history[:, None] / step_h
        learned = readings[: -TEST_DAYS * day]
        sigma = getattr(shared.rules.forecaster, "sigma", 0.0)

        def actual(first: int, last: int, readings: FloatArray = readings) -> FloatArray:
            return readings[first:last]

        forecasters: dict[str, Forecaster] = {
            "persistence": Persistence(),
            "seasonal naive": SeasonalNaive(day),
            "ridge": RidgeLastDay.fitted(learned, day),
            "noise": NoisyActual(actual, sigma, setting.streams, f"study of {name}"),
        }
        for method, forecaster in forecasters.items():
            found.append((method, name, _day_ahead(forecaster, readings, day)))
    return sorted(found, key=lambda entry: list(forecasters).index(entry[0]))


def _day_ahead(forecaster: Forecaster, readings: FloatArray, day: int) -> ForecastErrors:
    """Return the errors of the last days, each predicted at its beginning."""
    begins = range(len(readings) - TEST_DAYS * day, len(readings), day)
    lines = [forecaster.forecast(readings[:begin], day, begin) for begin in begins]
    return forecast_errors(np.concatenate(lines), readings[begins.start :])
