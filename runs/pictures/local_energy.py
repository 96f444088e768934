"""Local exchange in pictures: what communities use of what they generate, at which price."""

from dataclasses import dataclass, replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything, descending
from hmesh.markets.local_exchange import pooled_trade
from hmesh.runs.number_text import fixed, texts_apart
from hmesh.runs.pictures.chart import INK, Chart, Series, balance, of_strategies
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import INK as BLACK
from hmesh.runs.pictures.figure_layout import Drawing, Part, group_colour, panel_title, sheet
from hmesh.runs.pictures.quantity_text import ALIKE, energy_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name
from hmesh.runs.who_gains import PARTIES

# Communities whose prices are drawn; those that share most.
MOST_PRICES = 4
MOST_BESIDE = 2
_TABLE = "local_exchange"
_ENERGIES = ("own_kwh", "lack_kwh", "surplus_kwh", "received_kwh", "given_kwh", "fed_in_kwh")
# What becomes of what members generate: energy, words and colour.
LOCAL_USES = (
    ("own_kwh", "used by those who generate it", "#0072B2"),
    ("given_kwh", "used by other members", "#009E73"),
    ("fed_in_kwh", "fed in", "#E69F00"),
)


@dataclass(frozen=True, slots=True, eq=False)
class LocalEnergy:
    """What `local_exchange.parquet` has of a run.

    Attributes
    ----------
    communities : tuple of int
        The communities with a local exchange.
    kinds : tuple of str
        Kinds of their members.
    energies : dict of array, shape (strategies, communities, kinds, steps)
        By name [kWh].
    local_price, feed_in_price : array, shape (strategies, communities, steps)
        NaN where there is none [money/kWh].
    """

    communities: tuple[int, ...]
    kinds: tuple[str, ...]
    energies: dict[str, FloatArray]
    local_price: FloatArray
    feed_in_price: FloatArray

    @property
    def traded_kwh(self) -> FloatArray:
        """What each kind sells each other, shape (strategies, communities, kinds, kinds) [kWh].

        The surplus of a community is one pool: of what a buyer gets, each seller has given the
        share that it has of all that is given.
        """
        given, received = self.energies["given_kwh"], self.energies["received_kwh"]
        return pooled_trade(given, received)


def local_energy(data: RunData) -> LocalEnergy | None:
    """Return the local exchange of a run; None where no community has one."""
    places = data.scenario["communities"].items()
    here = tuple(m for m, (_, place) in enumerate(places) if place.get("local_exchange"))
    if not here:
        return None
    rows = data.run.table(_TABLE)
    kinds = tuple(dict.fromkeys(rows.column("kind").to_pylist()))
    shape = (data.steps, len(data.strategies), len(here), len(kinds))

    def column(name: str) -> FloatArray:
        held: FloatArray = rows.column(name).to_numpy().astype(np.float64).reshape(shape)
        return held.transpose(1, 2, 3, 0)

    prices = (column(name)[:, :, 0] for name in ("local_price", "feed_in_price"))
    return LocalEnergy(here, kinds, {name: column(name) for name in _ENERGIES}, *prices)


def local_energy_chart(data: RunData) -> Chart | Drawing:
    """Return what members generate beyond their meters, stacked by who uses it."""
    held = local_energy(data)
    nothing = Drawing("No local exchange to draw: no member generates what others could use")
    if held is None:
        return Drawing("No local exchange to draw: no community has one")
    powers = {name: held.energies[name].sum(axis=(1, 2)) / data.step_h for name, *_ in LOCAL_USES}
    findings = {
        strategy: _use_finding({name: float(power[s].sum()) for name, power in powers.items()})
        for s, strategy in enumerate(data.strategies)
    }
    parts = [Part(label, powers[name], colour) for name, label, colour in LOCAL_USES]
    chart = balance(
        data, "local_energy", "Use of the generation of members", findings, parts, [],
        finding=_use_of_all(data, held), note="communities with a local exchange; at their meters",
    )  # fmt: skip
    return chart or nothing


def local_price_charts(data: RunData) -> list[Chart]:
    """Return for each community its local price, between that of feed-in and its own.

    Those that share most come first.
    """
    held = local_energy(data)
    if held is None or not anything(held.energies["given_kwh"]):
        return []
    shared = held.energies["given_kwh"].sum(axis=(0, 2, 3))
    shown = descending(shared)[:MOST_PRICES]
    return [_price_chart(data, held, int(n)) for n in shown if anything(shared[n])]


def draw_local_prices(data: RunData) -> Drawing:
    """Draw the local prices of communities under the first and the last strategy.

    The communities with most local energy are drawn side by side.
    """
    charts = local_price_charts(data)
    if not charts:
        return Drawing("No local prices to draw: no member sold another anything")
    ends = tuple(dict.fromkeys((data.strategies[0], data.strategies[-1])))
    drawn = [
        replace(chart, series={name: chart.series[name] for name in ends})
        for chart in charts[:MOST_BESIDE]
    ]
    finding = capital(charts[0].findings[ends[-1]])
    return draw_charts(drawn, f"{finding} under {strategy_name(ends[-1])}")


def draw_local_trade(data: RunData) -> Drawing:
    """Draw who sells how much to whom under the last strategy."""
    held = local_energy(data)
    if held is None or not anything(held.energies["given_kwh"][-1]):
        return Drawing("No local trade to draw: no member sold another anything")
    traded = held.traded_kwh[-1]
    there = [n for n in range(len(held.communities)) if anything(traded[n])]
    kinds = [
        k for k in range(len(held.kinds)) if anything(traded[:, k]) or anything(traded[:, :, k])
    ]
    labels = [called(held.kinds[k]) for k in kinds]
    finding = trade_finding(data, held)
    figure, panels = sheet(
        finding, (1, len(there)), 0.45 * len(kinds) + 0.3, left_in=1.6, gap_in=0.6,
        note="rows sell, columns buy [kWh]; a surplus is one pool, to which sellers give in "
        f"proportion; under {strategy_name(data.strategies[-1])}",
    )  # fmt: skip
    for axes, n in zip(panels[0], there, strict=True):
        energy = traded[n][np.ix_(kinds, kinds)]
        axes.imshow(energy / energy.max(), cmap="Blues", vmin=0.0, vmax=1.6)
        for (row, column), value in np.ndenumerate(energy):
            text = fixed(value, 0 if value >= 10 else 1) if anything(value) else "0"
            axes.text(column, row, text, ha="center", va="center", color=BLACK, fontsize=8.5)
        axes.set_xticks(range(len(kinds)), labels, rotation=20, ha="right", fontsize=8.5)
        axes.set_yticks(range(len(kinds)), labels if axes is panels[0, 0] else [], fontsize=8.5)
        axes.grid(visible=False)
        axes.set_aspect("auto")
        panel_title(axes, data.communities[held.communities[n]])
    return Drawing(finding, figure)


def called(kind: str) -> str:
    """Return what a kind of members is called."""
    return PARTIES.get(kind, kind.replace("_", " "))


def trade_finding(data: RunData, held: LocalEnergy) -> str:
    """State who sells whom most under the last strategy."""
    traded = held.traded_kwh[-1].sum(axis=0)
    seller, buyer = np.unravel_index(int(traded.argmax()), traded.shape)
    who, whom = called(held.kinds[int(seller)]), called(held.kinds[int(buyer)])
    whom = f"other {whom}" if who == whom else whom
    share = traded[seller, buyer] / traded.sum()
    return (
        f"{capital(who)} sell {whom} {energy_text(float(traded[seller, buyer]))}, "
        f"{100 * share:.0f} % of what is shared under {strategy_name(data.strategies[-1])}"
    )


def _use_finding(sums: dict[str, float]) -> str:
    whole = sum(sums.values())
    if not anything(whole):
        return "nothing is generated beyond the meters"
    used = 100.0 * (sums["own_kwh"] + sums["given_kwh"]) / whole
    return (
        f"members use {used:.0f} % of what they generate, "
        f"{100.0 * sums['given_kwh'] / whole:.0f} % being the energy of others"
    )


def _use_of_all(data: RunData, held: LocalEnergy) -> str:
    """State how much of its generation each community uses under the last strategy."""
    own, given, surplus = (
        held.energies[name][-1].sum(axis=(1, 2)) for name in ("own_kwh", "given_kwh", "surplus_kwh")
    )
    whole = own + surplus
    lines = [
        f"{data.communities[m]} uses {100.0 * (own[n] + given[n]) / whole[n]:.0f} %"
        for n, m in enumerate(held.communities)
        if anything(whole[n])
    ]
    if not lines:
        return "No member generates anything"
    head = f"Under {strategy_name(data.strategies[-1])} "
    return f"{head}{', '.join(lines[:3])} of what its members generate"


def _price_chart(data: RunData, held: LocalEnergy, n: int) -> Chart:
    m = held.communities[n]
    name, retail = data.communities[m], data.hours("community_price")
    unit = f"{data.currency}/kWh"
    given = held.energies["given_kwh"][:, n].sum(axis=1)

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        there = given[s] > 0.0
        local = np.where(there, held.local_price[s, n], np.nan)
        series = [
            Series("from feed-in to the price of the community", retail[s, m], "#BBBBBB", "area",
                   held.feed_in_price[s, n], opacity=0.55, in_tooltip=False),
            Series("price of local energy", local, group_colour(m), "points"),
            Series("price of the community", retail[s, m], INK, width=1.2, spread=False),
        ]  # fmt: skip
        if not anything(given[s]):
            return f"members of {name} sell each other nothing", series
        mean = float((held.local_price[s, n][there] * given[s][there]).sum() / given[s].sum())
        texts = texts_apart([mean, float(retail[s, m][there].mean())], 2, ALIKE)
        return (
            f"members of {name} pay each other {texts[0]} {unit} on average, where energy costs "
            f"{texts[1]}"
        ), series

    return Chart(
        data, f"local_price_{name}", f"Price of local energy, {name}", what="price", unit=unit,
        part=name, **of_strategies(data, of),
    )  # fmt: skip


def trade_table(data: RunData) -> list[tuple[str, str, str, str, float, float]]:
    """Return who sells whom how much: strategy, community, seller, buyer, energy and its value.

    Returns
    -------
    list of tuple
        With the energy [kWh] and what sellers are paid for it [money]; of each strategy the largest
        first.
    """
    held = local_energy(data)
    if held is None:
        return []
    given, received = held.energies["given_kwh"], held.energies["received_kwh"]
    energy = held.traded_kwh
    price = np.nan_to_num(held.local_price)
    total = received.sum(axis=2)
    share = np.divide(price, total, out=np.zeros_like(price), where=total > 0.0)
    value = np.einsum("scit,scjt,sct->scij", given, received, share)
    rows = [
        (strategy_label(data.strategies[s]), data.communities[held.communities[n]],
         called(held.kinds[i]), called(held.kinds[j]), float(energy[s, n, i, j]),
         float(value[s, n, i, j]))
        for s, n, i, j in np.argwhere(energy > 0.0).tolist()
    ]  # fmt: skip
    order = {strategy_label(name): s for s, name in enumerate(data.strategies)}
    return sorted(rows, key=lambda row: (order[row[0]], -row[4], row[1:4]))
