"""The figures of Front. Energy Res. 10 (2022) 929693, drawn from synthetic loads.

Numbers with S are those of its supplement. Its loads are not public; neither is what Figure 4.7
calls its four buildings, for which those stand here that are closed on none, one and two days.
"""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.battery_exchange import LINE_LOSS_RATE
from hmesh.runs.studies.source_figures import HOUR, draw_bars, draw_lines
from hmesh.runs.studies.study_parts import SourceFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hmesh.runs.studies.battery_sharing.study import SharingStudy

MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
OWN_KWH = 2000.0
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def battery_sharing_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the source that can be drawn."""
    return (
        SourceFigure("S5", "load of all buildings on every day of the year", _curves),
        SourceFigure("S6", "deviation of the load and losses over the capacity", _capacity),
        SourceFigure("S8", "range of the daytime use of every building", _ranges),
        SourceFigure("S10", "energy that buildings give away on a day, by spread", _boxes),
        SourceFigure("S11", "daily use of four buildings over a year", _four),
        SourceFigure("4.7", "four buildings of 2,000 kWh: lost on lines by weekday", _exchange),
    )


def _four_buildings(shared: "SharingStudy") -> list[int]:
    """Return rows of four buildings: two that never close, one of one day, one of two."""
    closed = shared.study.year.closed.sum(axis=1)
    rows = [np.flatnonzero(closed == days).tolist() for days in (0, 1, 2)]
    return [*rows[0][:2], *rows[1][:1], *rows[2][:1]]


def _curves(shared: "SharingStudy", figure: "Figure") -> None:
    axes = figure.add_subplot()
    total = shared.study.year.total_kwh / 1e3
    axes.plot(total.T, color="tab:blue", linewidth=0.4, alpha=0.25)
    axes.plot(total.mean(axis=0), color="black", label="mean of the year")
    axes.set_xlabel(HOUR)
    axes.set_ylabel("load [MWh/h]")
    axes.legend(fontsize="small")


def _capacity(shared: "SharingStudy", figure: "Figure") -> None:
    study = shared.study
    total, sizing = study.year.total_kwh, study.sizing("full")
    sizes = np.array(MULTIPLES) * study.design("full").shared_kwh
    deviation = sizing.deviation_kwh(np.repeat(total[None], len(sizes), axis=0), sizes)
    equipment = study.equipment
    losses = []
    for size in sizes.tolist():
        schedule = study.schedule("full", size)
        charged, given = schedule.charge_kwh.sum(), schedule.discharge_kwh.sum()
        lost = (1 - equipment.charge_efficiency) * charged
        losses.append(lost + (1 / equipment.discharge_efficiency - 1) * given)
    lines = {"deviation of the load": deviation}
    axes = draw_lines(figure, sizes, lines, "capacity [kWh]", "standard deviation [kWh]")
    other = axes.twinx()
    other.plot(sizes, np.array(losses) / 1e6, color="tab:red", marker="s", markersize=3)
    other.set_ylabel("lost in batteries in a year [GWh], red")


def _daytime(shared: "SharingStudy") -> FloatArray:
    """Return what every building uses in the discharge window of each day [kWh]."""
    study = shared.study
    return np.asarray(study.year.load_kwh[:, :, study.windows.discharge].sum(axis=2))


def _ranges(shared: "SharingStudy", figure: "Figure") -> None:
    use = _daytime(shared) / 1e3
    order = np.argsort(use.mean(axis=1))
    axes = figure.add_subplot()
    where = np.arange(len(order))
    axes.vlines(where, use.min(axis=1)[order], use.max(axis=1)[order], linewidth=3, alpha=0.5)
    axes.plot(where, use.mean(axis=1)[order], "o", markersize=3, label="mean")
    axes.set_xlabel("buildings, by their mean")
    axes.set_ylabel("use from 8 to 22 h, lowest to highest day [MWh]")
    axes.legend(fontsize="small")


def _boxes(shared: "SharingStudy", figure: "Figure") -> None:
    study = shared.study
    discharge = study.full_discharge
    given = []
    for scenario in "bc":
        capacity = study.spread_kwh(scenario)
        each = (capacity / capacity.sum())[:, None, None] * discharge.total_kwh
        away = np.maximum(each - discharge.load_kwh, 0.0).sum(axis=(0, 2))
        given.append(away / 1e3)
    axes = figure.add_subplot()
    axes.boxplot(given, tick_labels=["b: by mean load", "c: equal"])
    axes.set_ylabel("given away on a day, one schedule for all [MWh]")
    axes.set_xlabel("spread of the capacity (a gives nothing away)")


def _four(shared: "SharingStudy", figure: "Figure") -> None:
    year = shared.study.year
    axes = figure.add_subplot()
    for row in _four_buildings(shared):
        axes.plot(year.load_kwh[row].sum(axis=1) / 1e3, linewidth=0.8, label=year.names[row])
    axes.set_xlabel("day of the year, from 1 April")
    axes.set_ylabel("use of a day [MWh]")
    axes.legend(fontsize="small")


def _exchange(shared: "SharingStudy", figure: "Figure") -> None:
    study = shared.study
    rows = _four_buildings(shared)
    discharge = study.discharge("full", study.design("full").shared_kwh)
    share = OWN_KWH / study.design("full").shared_kwh
    given = np.repeat(share * discharge.total_kwh[None], len(rows), axis=0)
    away = np.maximum(given - discharge.load_kwh[rows], 0.0).sum(axis=2)
    weekday = study.year.weekday
    bars = {
        study.year.names[row]: [
            LINE_LOSS_RATE * float(away[k][weekday == day].mean()) for day in range(7)
        ]
        for k, row in enumerate(rows)
    }
    draw_bars(figure, WEEKDAYS, bars, "weekday", "lost on lines on a day [kWh]")
