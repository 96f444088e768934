"""How the payback of a house's storages changes with the feed-in tariff and a carbon tax."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from hmesh.environment.retail_tariff import AFTER_TEN_YEARS, feed_in_years
from hmesh.markets.known_days import KnownDays
from hmesh.runs.schemes.composite_storage.setting import (
    NO_STORAGE,
    WITH_STORAGE,
    CompositeStorageSetting,
)
from hmesh.runs.studies.composite_storage.cases import (
    CASES,
    JPY_PER_USD,
    STORAGES,
    Years,
    foreseen,
    paybacks,
)
from hmesh.runs.studies.composite_storage.claims import TAX_USD_PER_KG
from hmesh.runs.studies.composite_storage.simulated_years import (
    by_rules,
    per_year,
    priced,
    saving_per_year,
)
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection

# Feed-in tariffs [JPY/kWh], and factors on the purchase prices of the scenario.
FEED_INS = (48.0, 38.0, 28.0, 19.0, AFTER_TEN_YEARS)
FACTORS = (0.8, 1.0, 1.2)


def tariffs() -> list[tuple[str, float, str]]:
    """Return the year, feed-in tariff [JPY/kWh] and source of every tariff that is tried."""
    years = [(str(year), price, source) for year, (price, source) in feed_in_years().items()]
    return [*years, ("after 10 years", AFTER_TEN_YEARS, "customer.kyuden.co.jp")]


def from_the_ends(prices: Iterable[float]) -> list[float]:
    """Return prices in an order in which each but the ends lies between two before it."""
    left = sorted(prices)
    order, spans = [left[0], left[-1]][: len(left)], [(0, len(left) - 1)]
    for first, last in spans:
        if last - first > 1:
            middle = (first + last) // 2
            order.append(left[middle])
            spans += [(first, middle), (middle, last)]
    return order


def feed_in_by_year(
    setting: CompositeStorageSetting,
    known: dict[float, Years],
    days: dict[str, KnownDays],
    tick: Callable[[], None] = lambda: None,
) -> tuple[ReportSection, ReportSection]:
    """Tabulate paybacks by the year of the feed-in tariff, and what houses do at each tariff.

    Parameters
    ----------
    setting : CompositeStorageSetting
        The house.
    known : dict of float to dict of HouseYear
        Years with foresight that are known already, by feed-in tariff; those found are added.
    days : dict of KnownDays
        Days of each case at the tariffs that are known, likewise.
    tick : callable, optional
        Called after each tariff.
    """
    cases = tuple(CASES.values())
    simulated: dict[float, Years] = {}
    for price in from_the_ends({price for _, price, _ in tariffs()}):
        simulated[price] = by_rules(setting, cases, priced(setting, price))
        if price not in known:
            known[price] = foreseen(setting, price, days=days)
        tick()
    rows: list[tuple[Cell, ...]] = [
        (
            year,
            price,
            *paybacks(setting, known[price]),
            *paybacks(setting, simulated[price]),
            source,
        )
        for year, price, source in tariffs()
    ]
    columns = (
        Column("year"),
        Column("feed-in [JPY]", "g"),
        *(Column(f"{item} [a]", ".1f") for item in STORAGES),
        *(Column(f"{item} by rules [a]", ".1f") for item in STORAGES),
        Column("source of the tariff"),
    )
    text = (
        "Paybacks with foresight, and by rules; '-' never comes. The purchase prices stay, where "
        "Figure 17 varies them too. With a battery payback lengthens as the tariff falls as long "
        "as storage lowers self-consumption, which is while the sun sells for more than it costs "
        "by day in spring; after ten years, where it sells for less than the night costs, storage "
        "pays back soonest. The next table shows why.",
    )
    bars = Bars("year", tuple(f"{item} [a]" for item in STORAGES), "payback with foresight [a]")
    title = "Payback by the year of the feed-in tariff"
    section = ReportSection("feed_in", title, columns, tuple(rows), text, bars)
    return section, _by_tariff(setting, {price: known[price] for price in simulated})


def paybacks_of_both_prices(
    setting: CompositeStorageSetting,
) -> dict[tuple[float, float], tuple[float | None, ...]]:
    """Return paybacks by rules at each feed-in tariff and factor on purchase prices [a]."""
    cases = tuple(CASES.values())
    found: dict[tuple[float, float], tuple[float | None, ...]] = {}
    for feed_in in FEED_INS:
        for factor in FACTORS:
            prices = priced(setting, feed_in)
            simulated = by_rules(setting, cases, replace(prices, purchase=factor * prices.purchase))
            found[feed_in, factor] = tuple(paybacks(setting, simulated))
    return found


def both_prices(found: Mapping[tuple[float, float], tuple[float | None, ...]]) -> ReportSection:
    """Return paybacks where selling and purchasing prices vary together, as Figure 17 has it.

    Parameters
    ----------
    found : mapping of (float, float) to tuple of float or None
        What `paybacks_of_both_prices` returns.
    """
    rows: list[tuple[Cell, ...]] = [
        (feed_in, factor, *backs) for (feed_in, factor), backs in found.items()
    ]
    columns = (
        Column("feed-in [JPY]", "g"),
        Column("purchases x", "g"),
        *(Column(f"{item} [a]", ".1f") for item in STORAGES),
    )
    text = (
        "Figure 17 of the source varies selling and purchasing prices from 2009 to 2021 together; "
        "the purchasing prices are not printed. A higher price shortens every payback, so that "
        "a payback may lengthen or shorten from year to year by the one price or by the other. "
        "By rules, without foresight.",
    )
    title = "Payback where selling and purchasing prices both vary"
    return ReportSection("both_prices", title, columns, tuple(rows), text)


def _by_tariff(setting: CompositeStorageSetting, known: dict[float, Years]) -> ReportSection:
    """Tabulate self-consumption and the energy sold more at each tariff, with foresight."""
    rows: list[tuple[Cell, ...]] = []
    for price in sorted(known, reverse=True):
        years = known[price]
        first = years[NO_STORAGE]
        used = [100.0 * years[case].self_consumption for case in WITH_STORAGE]
        sold = [
            (years[case].export_kwh - first.export_kwh) * per_year(setting) for case in WITH_STORAGE
        ]
        rows.append((price, *used, *sold, max(year.gap for year in years.values())))
    first_used = 100.0 * next(iter(known.values()))[NO_STORAGE].self_consumption
    columns = (
        Column("feed-in [JPY]", "g"),
        *(Column(f"{item} [%]", ".1f") for item in STORAGES),
        *(Column(f"{item} dF/dFiT [kWh]", "+,.0f") for item in STORAGES),
        Column("missed at most", ".0e"),
    )
    text = (
        f"Self-consumption with foresight, {first_used:.1f} % without storage, and the energy sold "
        "more than without storage, by which the saving F changes with the tariff. Where storage "
        "lowers self-consumption more is sold, and a falling tariff lengthens payback; where it "
        "raises it less is sold, and a falling tariff shortens payback: the two regimes of the "
        "source. Every dispatch is proved to be the cheapest, but for the share of its cost in "
        "the last column.",
    )
    title = "Self-consumption and energy sold by feed-in tariff"
    return ReportSection("feed_in_regimes", title, columns, tuple(rows), text)


def carbon_tax(
    setting: CompositeStorageSetting, known: dict[float, Years], feed_ins: tuple[float, ...]
) -> ReportSection:
    """Tabulate paybacks with a carbon tax, in both regimes.

    Parameters
    ----------
    setting : CompositeStorageSetting
        The house.
    known : dict of float to dict of HouseYear
        Years with foresight and no tax, by feed-in tariff.
    feed_ins : tuple of float
        Feed-in tariffs that are tried, each known [JPY/kWh].
    """
    tax = TAX_USD_PER_KG * JPY_PER_USD
    published = {
        figure.item: figure.value
        for figure in published_figures("composite_storage")
        if figure.where == "Figure 19"
    }
    cases = tuple(CASES.values())
    pairs: list[tuple[str, float, Years, Years]] = [
        ("foresight", feed_in, known[feed_in], foreseen(setting, feed_in, tax))
        for feed_in in feed_ins
    ]
    pairs += [
        (
            "rules",
            feed_in,
            by_rules(setting, cases, priced(setting, feed_in)),
            by_rules(setting, cases, priced(setting, feed_in, tax)),
        )
        for feed_in in feed_ins
    ]
    rows: list[tuple[Cell, ...]] = []
    for who, feed_in, before, after in pairs:
        backs = zip(paybacks(setting, before), paybacks(setting, after), strict=True)
        for item, pair in zip(STORAGES, backs, strict=True):
            case = CASES[item]
            savings = [saving_per_year(setting, y[NO_STORAGE], y[case]) for y in (before, after)]
            avoided = (before[NO_STORAGE].co2_kg - before[case].co2_kg) * per_year(setting)
            rows.append(
                (
                    item,
                    who,
                    feed_in,
                    *pair,
                    (savings[1] - savings[0]) / JPY_PER_USD,
                    TAX_USD_PER_KG * avoided,
                    published.get(item),
                )
            )
    columns = (
        Column("case"),
        Column("managed by"),
        Column("feed-in [JPY]", "g"),
        Column("payback [a]", ".2f"),
        Column("with tax [a]", ".2f"),
        Column("F more [USD/a]", "+.2f"),
        Column("tax on emissions avoided [USD/a]", "+.2f"),
        Column("published with tax [a]", ".2f"),
    )
    text = (
        f"Tax: {TAX_USD_PER_KG:g} USD/kg. To first order F grows by the tax on the emissions that "
        "storage avoids, so payback shortens where it avoids some and lengthens where it adds "
        "some. The published paybacks lengthen, from 9.32 and 7.84 years.",
    )
    return ReportSection("carbon_tax", "Payback with a carbon tax", columns, tuple(rows), text)
