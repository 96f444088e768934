"""What the community storage study leaves open or contradicts, and the outcome of every reading."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hmesh.markets.community_storage import StorageRatings
from hmesh.markets.printed_discharge import printed_dischargers
from hmesh.runs.studies.community_storage.case import StorageCase
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

type Outcome = tuple[float, float]


def options_section(
    figures: dict[tuple[str, str, str], PublishedFigure], cases: list[StorageCase]
) -> ReportSection:
    """Vary one option at a time.

    Parameters
    ----------
    figures : dict of (str, str, str) to PublishedFigure
        What was published.
    cases : list of StorageCase
        The days of the study, a case for each seed.
    """
    rows: list[tuple[Cell, ...]] = []
    for place, option, live in _variants():
        rows.append(outcome_row(place, option, [live(case) for case in cases]))
    rows.insert(0, published_row(figures))
    columns = outcome_columns("place in the source", "read as")
    text = (
        f"Energy from the storage for all households, mean and range of {len(cases)} seeds. The "
        "first row after the published one is the study's reading; the others change one thing.",
        "What is charged and what is not said: with a sky not bright, or a full storage, "
        "generation is spilled, and counted. Equation (25) adds kW to kWh and lacks the "
        "discharge; energies here are kWh of a slot, and both are there. The limit (38) to (40) "
        "of the highest demand never binds beside (41), and is kept. The network's equations are "
        "read as the usual cell.",
    )
    return ReportSection("options", "What each reading amounts to", columns, tuple(rows), text)


def published_row(figures: dict[tuple[str, str, str], PublishedFigure]) -> tuple[Cell, ...]:
    """Return the row of the published totals."""
    normal, optimal = (
        sum(
            figures["Table 3", house, f"from community storage, {mode}"].value
            for house in ("H1", "H2", "H3")
        )
        for mode in ("normal", "optimal")
    )
    return "Table 3", "published", normal, None, None, optimal, None, None


def outcome_columns(place: str, option: str) -> tuple[Column, ...]:
    """Return the columns of rows made by `outcome_row`."""
    spread = (
        Column(f"{mode} {end}", ".2f")
        for mode in ("normal", "optimal")
        for end in ("[kWh]", "lowest", "highest")
    )
    return Column(place), Column(option), *spread


def outcome_row(place: str, option: str, outcomes: Sequence[Outcome]) -> tuple[Cell, ...]:
    """Return mean and range over seeds of the totals of normal and optimal operation [kWh]."""
    lines: list[float] = []
    for totals in np.array(outcomes).T:
        lines += [float(totals.mean()), float(totals.min()), float(totals.max())]
    return place, option, *lines


def _variants() -> list[tuple[str, str, Callable[[StorageCase], Outcome]]]:
    """Return place, reading and outcome of every option."""

    def rated(**changes: float) -> Callable[[StorageCase], Outcome]:
        def live(case: StorageCase) -> Outcome:
            ratings: StorageRatings = replace(case.ratings, **changes)
            return _usual(replace(case, ratings=ratings))

        return live

    return [
        ("", "as the study", _usual),
        ("Algorithm 2", "as printed", _printed),
        ("Algorithm 2", "one served at once", lambda case: _usual(replace(case, dischargers=1))),
        ("Algorithm 2", "all three served at once",
         lambda case: _usual(replace(case, dischargers=3))),
        ("(35), (11)", "static averages rank", _static),
        ("Fig. 3 to 5", "normal: static averages, alpha raised", _averages),
        ("energy is short", "all served alike", _proportional),
        ("(42)", "until the energy delivered settles", _delivered),
        ("(41)", "all demand allowed", _everything),
        ("ties of (33), (37)", "last household first", _reversed),
        ("(25)", "losses of 5 % each way",
         rated(charge_efficiency=0.95, discharge_efficiency=0.95)),
        ("storage", "5 kWh", rated(capacity_kwh=5.0)),
        ("storage", "20 kWh", rated(capacity_kwh=20.0)),
        ("storage", "2 kW", rated(power_kw=2.0)),
        ("limits of the SoC", "0 and 1", rated(soc_min=0.0, soc_max=1.0)),
        ("limits of the SoC", "0.2 and 0.8", rated(soc_min=0.2, soc_max=0.8)),
        ("energy at first", "1 kWh", lambda case: _usual(replace(case, stored_kwh=1.0))),
        ("energy at first", "9.5 kWh", lambda case: _usual(replace(case, stored_kwh=9.5))),
        ("threshold (22)", "charge above 0.2 kW",
         lambda case: _usual(replace(case, charge_above_kwh=0.2 * case.step_h))),
        ("least demand (41)", "twice the least seen",
         lambda case: _usual(replace(case, least_kwh=2 * case.least_kwh))),
        ("plant", "1.5 kW peak", lambda case: _sunny(case, 0.5)),
        ("plant", "6 kW peak", lambda case: _sunny(case, 2.0)),
    ]  # fmt: skip


def _usual(case: StorageCase) -> Outcome:
    return float(case.normal().sum()), float(case.optimal()[0].sum())


def _printed(case: StorageCase) -> Outcome:
    served = printed_dischargers(case.averages())
    normal = case.served_with(served, np.ones(1))
    return float(normal.sum()), float(case.optimal(served=served)[0].sum())


def _static(case: StorageCase) -> Outcome:
    horizon = case.horizon(static=True)
    normal = case.served_with(horizon.served, np.ones(1))
    return float(normal.sum()), float(case.optimal(static=True)[0].sum())


def _averages(case: StorageCase) -> Outcome:
    return float(case.optimal(static=True)[0].sum()), float(case.optimal()[0].sum())


def _proportional(case: StorageCase) -> Outcome:
    normal, (optimal, _) = case.normal("proportional"), case.optimal("proportional")
    return float(normal.sum()), float(optimal.sum())


def _delivered(case: StorageCase) -> Outcome:
    return float(case.normal().sum()), float(case.optimal(stop_when="delivered")[0].sum())


def _everything(case: StorageCase) -> Outcome:
    return float(case.normal().sum()), float(case.served_with(None, np.zeros(1)).sum())


def _reversed(case: StorageCase) -> Outcome:
    """Rank the households as if they stood in the reverse order."""
    order = slice(None, None, -1)
    ahead = replace(
        case.ahead,
        used_kwh=case.ahead.used_kwh[order],
        forecast_kwh=case.ahead.forecast_kwh[:, order],
        demand_kwh=case.ahead.demand_kwh[:, order],
    )
    return _usual(
        replace(
            case, ahead=ahead, least_kwh=case.least_kwh[:, order], most_kwh=case.most_kwh[order]
        )
    )


def _sunny(case: StorageCase, factor: float) -> Outcome:
    ahead = replace(case.ahead, generation_kwh=case.ahead.generation_kwh * factor)
    return _usual(replace(case, ahead=ahead))
