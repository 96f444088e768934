"""Beyond the community storage study: how much a better forecast helps, and whom."""

from collections.abc import Callable, Iterator

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slots_by_clock
from hmesh.environment.forecast_errors import forecast_errors
from hmesh.environment.forecasters import (
    Forecaster,
    NoisyActual,
    Persistence,
    RidgeLastDay,
    SeasonalNaive,
)
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.studies.community_storage.case import StorageCase, cases_of
from hmesh.runs.studies.community_storage.openings import PRINTED_DAYS
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection
from hmesh.runs.world.setting import Setting, make_setting

SEEDS = tuple(range(1, 9))
FEW_SEEDS = (1,)
SIGMAS = (0.1, 0.21, 0.5, 1.0)
PERFECT = "perfect"
PUBLISHED = "noise of sigma 0.21"
# Households and storages; a storage of 10 kWh, 3 kW of plant and 2 served for every 3 households.
SIZES = ((3, 1), (30, 1), (30, 10), (300, 10), (1000, 10))
FEW_HOUSEHOLDS = 30

type Made = Callable[[Setting], Forecaster]


def forecast_sections() -> list[ReportSection]:
    """Simulate the days of the study with every forecaster, for 3 to 1,000 households."""
    return [_three_households(), *_many_households()]


def _forecasters(households: int) -> dict[str, Made]:
    """Return how each forecaster is made; a regression each for very many takes too long."""
    made: dict[str, Made] = {PERFECT: _noisy(0.0)}
    made |= {f"noise of sigma {sigma:g}": _noisy(sigma) for sigma in SIGMAS}
    made |= {"the day before": lambda setting: SeasonalNaive(_day(setting))}
    if households <= FEW_HOUSEHOLDS:
        made["ridge on the day before"] = lambda setting: RidgeLastDay.fitted(
            _history(setting), _day(setting)
        )
    return made | {"the last reading": lambda setting: Persistence()}


def _day(setting: Setting) -> int:
    return slots_by_clock(setting.calendar.step_h)


def _history(setting: Setting) -> FloatArray:
    shared: CommunityStorageSetting = setting.schemes["community_storage"]
    return shared.demand_history_kwh


def _noisy(sigma: float) -> Made:
    def made(setting: Setting) -> Forecaster:
        shared: CommunityStorageSetting = setting.schemes["community_storage"]
        assert shared is not None
        return NoisyActual(shared.coming_demand_kwh, sigma, setting.streams, "study")

    return made


def _outcomes(
    settings: list[Setting], forecasters: dict[str, Made]
) -> Iterator[tuple[str, float, FloatArray, FloatArray]]:
    """Return forecaster, its MAPE, and demand and energy of all households in optimal operation."""
    for name, made in forecasters.items():
        errors, demand, energy = [], [], []
        for setting in settings:
            cases = cases_of(setting, made(setting))
            errors += [_mape(case) for case in cases]
            demand.append(np.concatenate([case.ahead.demand_kwh.sum(axis=0) for case in cases]))
            energy.append(np.concatenate([case.optimal()[0] for case in cases]))
        yield name, float(np.mean(errors)), np.array(demand), np.array(energy)


def _mape(case: StorageCase) -> float:
    return forecast_errors(case.ahead.forecast_kwh, case.ahead.demand_kwh).mape


def moved_share(energy_kwh: FloatArray, perfect_kwh: FloatArray) -> float:
    """Return the share of all energy that other households get than with a perfect forecast [1].

    Parameters
    ----------
    energy_kwh, perfect_kwh : array, shape (seeds, households)
        What each gets [kWh]. Each seed's energies count as shares of its total.
    """
    shares = energy_kwh / energy_kwh.sum(axis=1, keepdims=True)
    right = perfect_kwh / perfect_kwh.sum(axis=1, keepdims=True)
    return float(np.abs(shares - right).sum(axis=1).mean() / 2)


def _top_third(demand_kwh: FloatArray, energy_kwh: FloatArray) -> float:
    """Return the share of the energy that the third of households of most demand get [1]."""
    count = demand_kwh.shape[1] // 3
    rows = np.argsort(-demand_kwh, axis=1, kind="stable")[:, :count]
    top = np.take_along_axis(energy_kwh, rows, axis=1).sum(axis=1)
    return float((top / energy_kwh.sum(axis=1)).mean())


def _three_households() -> ReportSection:
    settings = [_setting(seed, 3, 1) for seed in SEEDS]
    rows: list[tuple[Cell, ...]] = []
    perfect: FloatArray | None = None
    for name, error, demand, energy in _outcomes(settings, _forecasters(3)):
        perfect = energy if perfect is None else perfect
        rows.append(
            (
                name,
                100 * error,
                float(energy.sum(axis=1).mean()),
                100 * float(energy.sum() / perfect.sum()),
                100 * moved_share(energy, perfect),
                100 * _top_third(demand, energy),
            )
        )
    columns = (
        Column("forecast"),
        Column("MAPE [%]", ".1f"),
        Column("delivered [kWh]", ".2f"),
        Column("total [% of perfect]", ".1f"),
        Column("goes to others [%]", ".1f"),
        Column("largest demand gets [%]", ".1f"),
    )
    totals = [float(row[3] or 0) for row in rows]
    moved = [float(row[4] or 0) for row in rows]
    text = (
        f"Optimal operation over two days, three households, the mean of {len(SEEDS)} seeds. "
        "'Goes to others' is the share of the energy that other households get than with a "
        "perfect forecast.",
        f"A worse forecast costs little of the total and much of its rightful sharing: one as good "
        f"as published delivers {_of(rows, PUBLISHED, 3):.1f} % of what a perfect one does and "
        f"gives {_of(rows, PUBLISHED, 4):.0f} % of the energy to others, the worst here "
        f"{min(totals):.0f} % and {max(moved):.0f} %. Errors that are independent from slot to "
        "slot add up to little over a day: noise of sigma 1 misses every slot by "
        f"{_of(rows, 'noise of sigma 1', 1):.0f} %, and costs less than the day before, which "
        f"misses them by {_of(rows, 'the day before', 1):.0f} %.",
    )
    title = (
        f"A forecast as good as published delivers {_of(rows, PUBLISHED, 3):.0f} % of what a "
        f"perfect one does, and gives {_of(rows, PUBLISHED, 4):.0f} % to other households"
    )
    return ReportSection(
        "forecast_quality", title, columns, tuple(rows), text,
        Bars("forecast", ("total [% of perfect]", "goes to others [%]"), "share of the energy [%]"),
    )  # fmt: skip


def _of(rows: list[tuple[Cell, ...]], name: str, column: int) -> float:
    """Return a number of the row of a forecaster."""
    return next(float(row[column] or 0) for row in rows if row[0] == name)


def _many_households() -> list[ReportSection]:
    rows: list[tuple[Cell, ...]] = []
    wanted = (PUBLISHED, "noise of sigma 1", "the day before", "the last reading")
    totals: dict[tuple[int, int], list[float]] = {}
    moved: dict[tuple[int, int], list[float]] = {}
    for size in SIZES:
        seeds = SEEDS if size[0] <= FEW_HOUSEHOLDS else FEW_SEEDS
        settings = [_setting(seed, *size) for seed in seeds]
        perfect: FloatArray | None = None
        made = _forecasters(size[0])
        chosen = {name: made[name] for name in (PERFECT, *wanted)}
        for name, error, demand, energy in _outcomes(settings, chosen):
            served = 100 * float(energy.sum() / demand.sum())
            if perfect is None:
                perfect = energy
                rows.append((*size, name, 0.0, served, 100.0, 0.0))
                continue
            totals.setdefault(size, []).append(100 * float(energy.sum() / perfect.sum()))
            moved.setdefault(size, []).append(100 * moved_share(energy, perfect))
            rows.append((*size, name, 100 * error, served, totals[size][-1], moved[size][-1]))
    columns = (
        Column("households", ","),
        Column("storages", ","),
        Column("forecast"),
        Column("MAPE [%]", ".1f"),
        Column("of the demand [%]", ".1f"),
        Column("total [% of perfect]", ".1f"),
        Column("goes to others [%]", ".1f"),
    )
    text = (
        "Every three households bring 10 kWh of storage and 3 kW of plant, and two of every three "
        f"are served at once; the mean of {len(SEEDS)} seeds of up to {FEW_HOUSEHOLDS} "
        f"households, and seed {FEW_SEEDS[0]} of more. Where there are several storages, each "
        "serves its own households.",
    )
    every = [value for values in totals.values() for value in values]
    published = [values[0] for values in moved.values()]
    wording = ", ".join(f"{max(values):.0f} % with {_size(size)}" for size, values in moved.items())
    return [
        ReportSection(
            "households", "From 3 to 1,000 households, one storage or ten", columns, tuple(rows),
            text,
        ),
        _by_size(
            "total_by_size",
            f"Whatever the forecast and the number of households, {min(every):.0f} to "
            f"{max(every):.0f} % is delivered of what a perfect forecast delivers",
            "share of what a perfect forecast delivers [%]", wanted, totals,
            f"The total stays within {min(every):.0f} and {max(every):.0f} % of that of a perfect "
            "forecast, whatever the number.",
        ),
        _by_size(
            "others_by_size",
            f"With errors as published {min(published):.0f} to {max(published):.0f} % of the "
            "energy goes to other households than with a perfect forecast, whatever their number",
            "share of the energy [%]", wanted, moved,
            f"At most goes to others: {wording}. A better forecast decides less how much is "
            "delivered than who gets it.",
        ),
    ]  # fmt: skip


def _size(size: tuple[int, int]) -> str:
    households, storages = size
    return f"{households:,} households and {storages} storage{'s' if storages > 1 else ''}"


def _by_size(
    name: str,
    title: str,
    axis: str,
    forecasts: tuple[str, ...],
    found: dict[tuple[int, int], list[float]],
    text: str,
) -> ReportSection:
    """Return a table of one figure, a row for each size and a column for each forecast."""
    return ReportSection(
        name, title, (Column("size"), *(Column(forecast, ".1f") for forecast in forecasts)),
        tuple((_size(size), *values) for size, values in found.items()), (text,),
        Bars("size", forecasts, axis),
    )  # fmt: skip


def _setting(seed: int, households: int, storages: int) -> Setting:
    """Return the days of the study for other numbers of households and storages."""
    each = [households // storages + (k < households % storages) for k in range(storages)]
    kinds = (2308, 2362, 2562)
    groups, units = [], []
    for k, count in enumerate(each):
        names = []
        for at, annual in enumerate(kinds):
            own = count // 3 + (at < count % 3)
            if own:
                names.append(f"g{k}-{at}")
                groups.append(
                    f"{{kind: household, name: {names[-1]}, count: {own}, annual_kwh: {annual}, "
                    "profile: h0}"
                )
        units.append(
            f"{{name: s{k}, community: homes, serves: [{', '.join(names)}], "
            f"capacity_kwh: {10 * count / 3}, pv_kw: {float(count)}, "
            f"dischargers: {max(2 * count // 3, 1)}}}"
        )
    changes = (
        f"communities.homes.members=[{', '.join(groups)}]",
        f"community_storage.storages=[{', '.join(units)}]",
        "community_storage.plan_on=actual",
    )
    return make_setting(study_scenario("community-storage", *changes, base=PRINTED_DAYS, seed=seed))
