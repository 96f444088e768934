"""Houses with battery and thermal tank: their days by season, energy, emissions and money."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.last_digits import lowest
from hmesh.markets.payback import discounted_payback
from hmesh.runs.number_text import fixed, same
from hmesh.runs.pictures.figure_layout import (
    INK,
    Drawing,
    draw_bars,
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import energy_text, percents
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import (
    STRATEGIES_OF,
    first_of_each,
    strategy_label,
    strategy_name,
    strategy_within,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEASONS = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}
COURSES = {
    "photovoltaics": ("generation_kwh", "#E69F00"),
    "appliances and heat pump": ("used_kwh", INK),
    "bought": ("import_kwh", "#D55E00"),
    "sold": ("export_kwh", "#56B4E9"),
    "discharged from battery": ("discharge_kwh", "#009E73"),
    "heat from tank": ("tank_discharge_kwh", "#CC79A7"),
}
YEAR_H = 8760.0
# Room below bars, whose titles name quantity and unit [in].
BARS_BOTTOM_IN = 0.45
SCHEME = "composite_storage"
NO_STORAGE = STRATEGIES_OF[SCHEME][0]

type Sums = dict[str, dict[str, FloatArray]]


def draw_typical_days(data: RunData) -> Drawing:
    """Draw the mean day of each season in every case."""
    sums = _sums(data)
    calendar = Calendar(data.scenario["start"], data.scenario["time_zone"], data.step_h)
    month = np.array([calendar.date_of(step).month for step in range(data.steps)])
    hour = np.array([int(calendar.hour_of_day(step)) for step in range(data.steps)])
    seasons = [name for name, months in SEASONS.items() if np.isin(month, months).any()]
    cases = _cases(data)
    if not any(values.any() for case in sums.values() for values in case.values()):
        return Drawing("No typical days to draw: houses neither use nor generate any energy")
    finding = _days_finding(data, cases)
    entries = [legend_line(name, colour, lw=1.8) for name, (_, colour) in COURSES.items()]
    figure, panels = sheet(
        finding, (len(cases), len(seasons)), 1.5, entries, sharex=True, sharey=True, gap_in=0.5,
        note="Mean day of each season, all houses together",
    )  # fmt: skip
    for row, case in enumerate(cases):
        for column, season in enumerate(seasons):
            axes, there = panels[row, column], np.isin(month, SEASONS[season])
            for name, colour in COURSES.values():
                values = sums[case][name][there] / data.step_h
                count = np.bincount(hour[there], minlength=24)
                mean = np.bincount(hour[there], values, 24) / np.maximum(count, 1)
                axes.plot(np.arange(24), mean, color=colour, lw=1.4)
            label = strategy_label(case) if column == 0 else ""
            panel_title(axes, label or " ", strategy_colour(data.strategies, case))
            # At the left, where nights are low.
            axes.text(0.04, 0.9, season, transform=axes.transAxes, fontsize=9)
            axes.set_xticks([0, 6, 12, 18])
            if row == len(cases) - 1:
                axes.set_xlabel("hour of the day")
        panels[row, 0].set_ylabel("power [kW]")
    return Drawing(finding, figure)


def _days_finding(data: RunData, cases: list[str]) -> str:
    """Return how much of what they generate houses use, without and with storages."""
    if not float(data.total(cases[0], "house_generation_kwh")):
        return "Houses generate nothing, and buy all that they use"
    ends = list(dict.fromkeys((cases[0], cases[-1])))
    shares = percents([self_consumption(data, case) / 100.0 for case in ends])
    lines = [
        f"{share} under {strategy_name(case)}" for share, case in zip(shares, ends, strict=True)
    ]
    return f"Self-consumption of houses is {' and '.join(lines)}"


def draw_house_energy(data: RunData) -> Drawing:
    """Draw what houses buy and sell, their self-consumption and emissions."""
    cases = _cases(data)
    finding = _emissions_finding(data, cases)
    figure, panels = sheet(finding, (1, 4), 2.2, left_in=1.95, bottom_in=BARS_BOTTOM_IN)
    columns = {
        "bought [MWh]": [float(data.total(case, "house_import_kwh")) / 1e3 for case in cases],
        "sold [MWh]": [float(data.total(case, "house_export_kwh")) / 1e3 for case in cases],
        "self-consumption [%]": [self_consumption(data, case) for case in cases],
        "CO2 [t]": [float(data.total(case, "house_co2_kg")) / 1e3 for case in cases],
    }
    for column, (title, values) in enumerate(columns.items()):
        _bars(panels[0, column], data, cases, values)
        panel_title(panels[0, column], title)
    return Drawing(finding, figure)


def _emissions_finding(data: RunData, cases: list[str]) -> str:
    """Return under which case houses emit least."""
    emitted = {case: float(data.total(case, "house_co2_kg")) for case in cases}
    least = lowest(cases, emitted.__getitem__)
    mass_kg = emitted[least]
    mass = f"{fixed(mass_kg / 1000, 2)} t" if mass_kg >= 1000 else f"{fixed(mass_kg, 2)} kg"
    lines = f"{mass} of CO2 for {energy_text(float(data.total(least, 'house_import_kwh')))} bought"
    if len(cases) == 1:
        return f"Houses emit {lines} under {strategy_name(least)}"
    if same(max(emitted.values()), mass_kg):
        return f"No storage changes what houses emit, {lines}"
    return f"Emissions are lowest under {strategy_name(least)}, {lines}"


def draw_house_money(data: RunData) -> Drawing:
    """Draw running cost, and after how long storages have paid for themselves."""
    cases = _cases(data)
    costs = [float(data.total(case, "house_running_cost")) for case in cases]
    if strategy_within(SCHEME, cases[0]) != NO_STORAGE or len(cases) < 2:
        return Drawing("No saving to draw: houses without storage are not among the strategies")
    a_year = YEAR_H / (data.steps * data.step_h)
    paid = [
        discounted_payback(
            (costs[0] - cost) * a_year,
            float(data.total(case, "house_investment")),
            float(data.total(case, "house_interest_rate")),
        )
        for case, cost in zip(cases, costs, strict=True)
    ]
    soonest = lowest(range(1, len(cases)), lambda k: paid[k])
    finding = (
        f"The storages pay back soonest under {strategy_name(cases[soonest])}, "
        f"after {paid[soonest]:.1f} years"
        if np.isfinite(paid[soonest])
        else "No storage ever pays back: savings do not even pay the interest"
    )
    note = "" if a_year == 1.0 else "Savings of the run taken as those of a year like it"
    figure, panels = sheet(finding, (1, 2), 2.2, left_in=1.95, bottom_in=BARS_BOTTOM_IN, note=note)
    _bars(panels[0, 0], data, cases, costs)
    panel_title(panels[0, 0], f"running cost [{data.currency}]")
    # In line with the bars of the same cases beside it.
    _bars(panels[0, 1], data, cases, [np.nan, *paid[1:]])
    panel_title(panels[0, 1], "payback [years]")
    return Drawing(finding, figure)


def self_consumption(data: RunData, case: str) -> float:
    """Return the share of what houses generate that they use [%]."""
    generated = float(data.total(case, "house_generation_kwh"))
    sold = float(data.total(case, "house_export_kwh"))
    return 100.0 * (1.0 - sold / generated) if generated > 0 else 100.0


def figure_text(value: float) -> str:
    """Return a figure with three digits or all before its point."""
    size = abs(value)
    return fixed(value, 0 if size >= 100 else 1 if size >= 10 else 2)


def _cases(data: RunData) -> list[str]:
    """Return the strategies under which houses differ, without storage first if that is among."""
    cases = first_of_each(SCHEME, data.strategies)
    return sorted(cases, key=lambda name: strategy_within(SCHEME, name) != NO_STORAGE)


def _sums(data: RunData) -> Sums:
    """Return what all houses do together in each step, by strategy and column."""
    names = [
        "appliances_kwh", "heat_pump_kwh", "generation_kwh", "import_kwh", "export_kwh",
        "discharge_kwh", "tank_discharge_kwh",
    ]  # fmt: skip
    table: Any = data.run.table("house_sums", ["step", "strategy", *names]).to_pandas()
    sums: Sums = {}
    for case in _cases(data):
        rows = table[table["strategy"] == case].groupby("step", observed=True)[names].sum()
        sums[case] = {name: rows[name].to_numpy() for name in names}
        sums[case]["used_kwh"] = sums[case]["appliances_kwh"] + sums[case]["heat_pump_kwh"]
    return sums


def _bars(axes: "Axes", data: RunData, cases: list[str], values: list[float]) -> None:
    """Draw a bar for each case with its value, none where it is NaN; the first column names them.

    On a narrow sheet all panels are below each other, in one column.
    """
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    place = axes.get_subplotspec()
    named = place is None or place.is_first_col()
    labels = [strategy_label(case).replace(" of houses", "") if named else "" for case in cases]
    colours = [strategy_colour(data.strategies, case) for case in cases]
    texts = [
        "" if np.isnan(value) else figure_text(value) if np.isfinite(value) else "never"
        for value in values
    ]
    bars = [value if np.isfinite(value) else np.nan for value in values]
    draw_bars(axes, labels, bars, colours, texts, 0.28)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
