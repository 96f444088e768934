"""Prices, and the energy that vehicles take and give at them."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import first_highest
from hmesh.runs.number_text import texts_apart
from hmesh.runs.pictures.chart import INK, QUIET, Chart, Series, balance, of_strategies
from hmesh.runs.pictures.figure_layout import Drawing, Part, group_colour
from hmesh.runs.pictures.quantity_text import ALIKE, energy_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_name

# Less than this share of what vehicles exchange is rounding of their answers.
ROUNDING = 1e-9


def prices(data: RunData) -> Chart | Drawing:
    """Return the price in every community and that of the utility, strategy by strategy."""
    community, utility = data.hours("community_price"), data.hours("utility_price")[:, 0]
    if np.isnan(community).all():
        return Drawing("No prices to draw: no community was ever supplied")
    if not (np.nan_to_num(community).any() or utility.any()):
        return Drawing("No prices to draw: every price is zero")
    unit = f"{data.currency}/kWh"
    alone = [(n, group) for n, group in enumerate(data.groups) if len(group.members) == 1]

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        series = [
            Series(group.name, community[s, group.members[0]], group_colour(n))
            for n, group in alone
        ]
        if len(alone) < len(data.groups):
            ends = (np.fmax.reduce(community[s]), np.fmin.reduce(community[s]))
            name = "lowest to highest of all communities"
            series.insert(0, Series(name, ends[0], QUIET, "area", ends[1], in_tooltip=False))
        asked = "utility's price to the communities"
        series.append(Series(asked, utility[s], INK, width=1.4, dashed=True))
        known = community[s][np.isfinite(community[s])]
        if not known.size:
            return "no community is supplied", series
        return f"communities pay {price_range(known)} {unit}", series

    return Chart(
        data, "prices", "Prices", what="price", unit=unit, zero=False,
        finding=price_finding(data, community), **of_strategies(data, of),
    )  # fmt: skip


def charging(data: RunData) -> Chart | Drawing:
    """Return what vehicles charge (up) and discharge (down) in every community."""
    if data.vehicles == 0:
        return Drawing("No charging to draw: the scenario has no vehicles")
    power = data.grouped(data.vehicle_power_kw("vehicle_charging"))
    given = data.grouped(data.vehicle_power_kw("vehicle_discharging"))
    if not (power.any() or given.any()):
        return Drawing("No charging to draw: no vehicle charged or discharged")
    parts = [
        [Part(group.name, held[:, n], group_colour(n)) for n, group in enumerate(data.groups)]
        for held in (power, given)
    ]
    chart = balance(
        data, "charging", "Charging and discharging of vehicles", {}, *parts,
        finding=charging_finding(data), panel_in=2.1,
        sides="\u2190 discharging   charging \u2192",
    )  # fmt: skip
    return chart or Drawing("No charging to draw: no vehicle charged or discharged")


def price_range(price: FloatArray) -> str:
    """Return the lowest and the highest of known prices, once where they are the same."""
    ends = texts_apart([float(price.min()), float(price.max())], 2, ALIKE)
    return " to ".join(dict.fromkeys(ends))


def price_finding(data: RunData, price: FloatArray) -> str:
    """State the range of prices of the last strategy against the first, and who pays most."""
    last = len(data.strategies) - 1
    rows = list(dict.fromkeys((last, 0)))
    known = [row for row in rows if not np.isnan(price[row]).all()]
    ends = [float(end(price[row])) for row in known for end in (np.nanmin, np.nanmax)]
    texts = texts_apart(ends, 1 if max(map(abs, ends), default=0.0) >= 10 else 2, ALIKE)
    ranges = {
        row: " to ".join(dict.fromkeys(texts[2 * n : 2 * n + 2])) for n, row in enumerate(known)
    }
    if not ranges:
        return "Communities are not supplied, and pay no price"
    lines = [
        f"{ranges.get(row, 'no price')}{f' {data.currency}/kWh' if row == rows[0] else ''} under "
        f"{strategy_name(data.strategies[row])}"
        for row in rows
    ]
    if last and ranges.get(last) == ranges.get(0):
        names = [strategy_name(data.strategies[row]) for row in rows]
        lines = [f"{ranges[last]} {data.currency}/kWh {' as '.join(f'under {n}' for n in names)}"]
    text = f"Communities pay {', '.join(lines)}"
    # A community without supply has no price.
    counts = np.maximum((~np.isnan(price[last])).sum(axis=1), 1)
    means = np.nansum(price[last], axis=1) / counts
    if means.max() - means.min() > 0.01 * abs(means.mean()):
        text += f"; highest on average in {data.communities[first_highest(means)]}"
    return text


def charging_finding(data: RunData) -> str:
    """State what vehicles took and gave under the last strategy against the first."""

    def lines(strategy: str) -> str:
        charged, discharged = (
            float(data.total(strategy, f"vehicle_{which}_kwh"))
            for which in ("charged", "discharged")
        )
        least = ROUNDING * max(charged, discharged)
        take, give = (
            energy_text(energy) if energy > least else "none" for energy in (charged, discharged)
        )
        return "exchange no energy" if take == give else f"charge {take} and discharge {give}"

    first, last = data.strategies[0], data.strategies[-1]
    text = f"Under {strategy_name(last)} vehicles {lines(last)}"
    if first != last:
        text += f"; under {strategy_name(first)} they {lines(first)}"
    return capital(text)
