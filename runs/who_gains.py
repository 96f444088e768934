"""Who gains and who pays under each strategy of a run, against its first: table and sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hmesh.environment.last_digits import anything, settled
from hmesh.runs.investment_rows import investment_rows
from hmesh.runs.number_text import change, fixed, same
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import strategy_label, strategy_name
from hmesh.runs.summary_rows import Totals, money, unit_of_money

if TYPE_CHECKING:
    from rich.table import Table

PAY, EARN, COST = "pay", "earn", "costs"
# What is said of each kind of party: who it is, and what it does with its money. Others pay.
_SAID: Mapping[str, tuple[str, str]] = {
    "households": ("households", PAY),
    "buildings": ("buildings", PAY),
    "prosumers": ("prosumers", PAY),
    "homes": ("smart homes", PAY),
    "houses": ("houses with storages", PAY),
    "sites": ("metered sites", PAY),
    "schools": ("schools", PAY),
    "vehicles": ("vehicles", PAY),
    "storages": ("community storages", PAY),
    "state": ("the state", EARN),
    "aggregators": ("aggregators", EARN),
    "grid_operator": ("the grid operator", EARN),
    "utility": ("the utility", EARN),
    "generators": ("generation", COST),
}
# What each kind of party is called.
PARTIES: Mapping[str, str] = {kind: who for kind, (who, _) in _SAID.items()}
_LEADERS = ("state", "aggregators", "grid_operator", "utility", "generators")
# With more communities than this, only kinds of parties have rows.
MOST_COMMUNITIES = 12
# A sentence names so many kinds of parties, those with the largest changes.
MOST_NAMED = 4
# With more strategies than this, per cents stand below their amounts and not beside them.
_MOST_BESIDE = 3


@dataclass(frozen=True, slots=True)
class Course:
    """An amount of money under every strategy.

    Attributes
    ----------
    who : str
        Whose it is.
    does : str
        What is done with it: `PAY`, `EARN` or `COST`; "" where it is a part of the one above.
    amounts : sequence of float
        The amount under each strategy, the first one first [money].
    key : str
        What it is called in tables: the kind of party, `members`, or `in.` and a community.
    """

    who: str
    does: str
    amounts: Sequence[float]
    key: str = ""

    @property
    def said(self) -> str:
        """Who does what: "households pay"; the name alone of a part."""
        one = "s" if self.who.startswith("the ") else ""
        return f"{self.who} {self.does}{one}" if self.does else self.who

    @property
    def gain(self) -> Sequence[float]:
        """How much better off they are under each strategy than under the first [money]."""
        sign = 1.0 if self.does == EARN else -1.0
        return [sign * (amount - self.amounts[0]) for amount in self.amounts]

    @property
    def moves(self) -> bool:
        """Whether the amount under the last strategy is another one than under the first."""
        return not same(self.amounts[-1], self.amounts[0]) and anything(
            self.amounts[-1] - self.amounts[0]
        )


def compared(summary: Mapping[str, Totals], names: Sequence[str]) -> bool:
    """Return whether a run has several strategies with accounts, in which anything is paid."""
    accounts = [summary[name].get("accounts") for name in names]
    return (
        len(names) > 1 and all(accounts) and any(anything(c.amounts) for c in kinds(summary, names))
    )


def kinds(summary: Mapping[str, Totals], names: Sequence[str]) -> list[Course]:
    """Return the amount of every kind of party, the change of stored energy valued in it.

    Parameters
    ----------
    summary : mapping of mapping
        The totals of every strategy, with accounts.
    names : sequence of str
        The strategies in their order, the first being the one that others are compared with.
    """
    held = [summary[name]["accounts"]["kinds"] for name in names]
    there = dict.fromkeys(kind for each in held for kind in each)
    order = [*(kind for kind in _SAID if kind in there and kind not in _LEADERS)]
    order += [kind for kind in there if kind not in _SAID]
    order += [kind for kind in _LEADERS if kind in there]
    courses = []
    for kind in order:
        who, does = _SAID.get(kind, (kind.replace("_", " "), PAY))
        sign = -1.0 if does == PAY else 1.0
        amounts = [sign * _result(each.get(kind, {})) for each in held]
        if anything(amounts):
            courses.append(Course(who, does, amounts, kind))
    return courses


def _result(figures: Mapping[str, float]) -> float:
    """Return the balance of a kind plus the value of the change of its stored energy."""
    return float(settled(figures.get("balance", 0.0) + figures.get("stored_value", 0.0)))


def communities(summary: Mapping[str, Totals], names: Sequence[str]) -> list[Course]:
    """Return what members of all communities pay, those of each, and the value of stored energy."""
    held = [summary[name]["accounts"] for name in names]
    places = list(held[0]["communities"])
    paid = [[_paid(each["communities"].get(place, {})) for each in held] for place in places]
    stored = [sum(k.get("stored_value", 0.0) for k in each["kinds"].values()) for each in held]
    every = [sum(own[n] for own in paid) - less for n, less in enumerate(stored)]
    courses = [Course("all members", PAY, every, "members")]
    if 1 < len(places) <= MOST_COMMUNITIES:
        courses += [
            Course(f"  in {place}", "", own, f"in.{place}")
            for place, own in zip(places, paid, strict=True)
        ]
        if anything(stored):
            courses.append(Course("  less stored value", "", [-value for value in stored]))
    return courses


def gain_figures(
    summary: Mapping[str, Totals], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return how much better off each kind of party and community is than under the first strategy.

    Parameters
    ----------
    summary, names : mapping of mapping, sequence of str
        As `kinds` takes them.

    Returns
    -------
    dict of dict
        By strategy and name: `gains.KIND` with the value of stored energy, `gains.members` of all
        members with it, `gains.in.COMMUNITY` of the members there without it, and `gains.welfare`
        [money]. Empty where there is nothing to compare.
    """
    if not compared(summary, names):
        return {name: {} for name in names}
    courses = [c for c in (*kinds(summary, names), *communities(summary, names)) if c.key]
    return {
        name: {f"gains.{c.key}": float(c.gain[n]) for c in courses if c.does != COST}
        | {"gains.welfare": welfare(summary, name) - welfare(summary, names[0])}
        for n, name in enumerate(names)
    }


def generation_cost(summary: Mapping[str, Totals], strategy: str) -> float:
    """Return what generation costs, less the value of energy left in storages [money]."""
    kinds_of_members = summary[strategy]["accounts"]["kinds"].values()
    stored = sum(each.get("stored_value", 0.0) for each in kinds_of_members)
    return float(summary[strategy]["generation_cost"]) - float(stored)


def welfare(summary: Mapping[str, Totals], strategy: str) -> float:
    """Return what elastic loads are worth more to their members, less that cost [money].

    Nobody pays or receives it: what one pays another receives. Unlike the sum of the welfare of
    steps it compares strategies whose storages hold different energies.
    """
    worth = float(summary[strategy].get("elastic_response_worth", 0.0))
    return worth - generation_cost(summary, strategy)


def _paid(balances: Mapping[str, float]) -> float:
    """Return what members of a community pay in all, by the balances of kinds there."""
    return -sum(balance for kind, balance in balances.items() if kind not in _LEADERS)


def gains_table(
    summary: Mapping[str, Totals], currency: str, strategies: Sequence[str] | None = None
) -> "Table":
    """Return who gains and who pays: amounts under the first strategy, and differences to it.

    Parameters
    ----------
    summary, currency, strategies : mapping of mapping, str, sequence of str
        As `hmesh.runs.summary_table` takes them; the summary has accounts.

    Returns
    -------
    rich.table.Table
        A row for each kind of party and each community, a column for each strategy.
    """
    from rich.text import Text

    from hmesh.runs.wide_table import WideTable

    names = list(summary) if strategies is None else list(strategies)
    table = WideTable()
    table.add_column("")
    for name in names:
        table.add_column(strategy_label(name), justify="right")
    for course in (*kinds(summary, names), *communities(summary, names)):
        largest = max(map(abs, course.amounts))
        size, sign = unit_of_money(largest)
        unit, digits = f"{sign} {currency}".strip(), money(largest / size)
        first = course.amounts[0]
        cells = [Text(fixed(first / size, digits))]
        for amount in course.amounts[1:]:
            cells.append(Text(_signed((amount - first) / size, digits)))
            share = change(amount, first)
            beside = f"{share:>9}" if len(names) <= _MOST_BESIDE else f"\n{share}" if share else ""
            cells[-1].append(beside, style="dim")
        table.add_row(Text(f"{course.said.removeprefix('the ')} [{unit}]"), *cells)
    for label, values in (*_worth(summary, currency, names), *_spread(summary, names)):
        room = " " * 9 if len(names) <= _MOST_BESIDE else ""
        table.add_row(Text(label), *(Text(v + (room if n else "")) for n, v in enumerate(values)))
    return table


def _worth(
    summary: Mapping[str, Totals], currency: str, names: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """Return the rows on whether devices of schemes pay, over a year or more."""
    every = [summary[name] for name in names]
    paying = [each for each in schemes().values() if each.pays]
    there = [each for each in paying if f"{each.pays}_investment" in every[0]]
    rows = []
    for each in there:
        whose = f"{each.title}: " if len(there) > 1 else ""
        for label, value, places, _ in investment_rows(every, each.pays):
            values = [value(totals) for totals in every]
            size, sign = 1.0, ""
            if places is money:
                size, sign = unit_of_money(max(abs(number or 0.0) for number in values))
            digits = places(max(abs(number or 0.0) for number in values) / size)
            cells = ["-" if number is None else fixed(number / size, digits) for number in values]
            rows.append((whose + label.format(currency=f"{sign} {currency}".strip()), cells))
    return rows


def _signed(amount: float, digits: int) -> str:
    text = fixed(amount, digits)
    return f"+{text}" if amount > 0 and text.strip("0.,") else text


def _spread(summary: Mapping[str, Totals], names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the rows on how bills are spread over members, where every member has an account."""
    held: list[Any] = [summary[name]["accounts"].get("members") for name in names]
    if not all(held):
        return []

    def reported(key: str, factor: float, digits: int) -> list[str]:
        values = [each[key] for each in held]
        return ["-" if value is None else fixed(factor * value, digits) for value in values]

    return [
        ("Gini of bills [-]", reported("gini_bills", 1.0, 3)),
        ("Gini of savings [-]", reported("gini_savings", 1.0, 3)),
        ("members worse off [%]", reported("worse_off", 100.0, 1)),
    ]


def gains_note(summary: Mapping[str, Totals], currency: str, strategies: Sequence[str]) -> str:
    """Return how the table of gains is to be read."""
    accounts = [summary[name]["accounts"] for name in strategies]
    text = f"Columns after the first: difference to {strategy_name(strategies[0])}."
    values = [k.get("stored_value", 0.0) for each in accounts for k in each["kinds"].values()]
    if anything(values):
        price = fixed(accounts[0]["stored_price"], 2)
        text += (
            " The change of stored energy over the run is subtracted from bills at "
            f"{price} {currency}/kWh, the mean price of the utility under the first strategy."
        )
    return text


def gains_sentence(summary: Mapping[str, Totals], currency: str, strategies: Sequence[str]) -> str:
    """Return who gains and who pays under the last strategy of a run, against its first.

    Parameters
    ----------
    summary, currency, strategies : mapping of mapping, str, sequence of str
        As `gains_table` takes them.

    Returns
    -------
    str
        A sentence; the kinds of parties with the largest changes are named.
    """
    first, last = strategy_name(strategies[0]), strategy_name(strategies[-1])
    courses = kinds(summary, [strategies[0], strategies[-1]])
    cost = [course for course in courses if course.does == COST]
    moving = [course for course in courses if course.does != COST and course.moves]
    moving.sort(key=lambda course: -abs(float(settled(course.gain[-1]))))
    named = moving[:MOST_NAMED]
    reported = [_moved(c, currency) for does in (PAY, EARN) for c in named if c.does == does]
    beginning = f"Between {first} and {last}"
    cheaper = _moved(cost[0], currency) if cost else ""
    if not reported:
        return f"{beginning} no bill and no profit changes."
    *others, end = reported
    listed = f"{', '.join(others)} and {end}" if others else end
    return f"{beginning}, {listed}{f', while {cheaper}' if cheaper else ''}."


def _moved(course: Course, currency: str) -> str:
    """Return how an amount moves: "households pay 55.1 % more"."""
    first, last = course.amounts[0], course.amounts[-1]
    if not course.moves:
        return f"{course.said} the same"
    more = "more" if last > first else "less"
    share = change(last, first)
    if share.endswith("%") and share != "0.0 %":
        return f"{course.said} {share.strip('+-')} {more}"
    if share.startswith("x"):
        return f"{course.said} {share.removeprefix('x ')} times as much"
    size, sign = unit_of_money(abs(last - first))
    moved = abs(last - first) / size
    return f"{course.said} {fixed(moved, money(moved))} {f'{sign} {currency}'.strip()} {more}"
