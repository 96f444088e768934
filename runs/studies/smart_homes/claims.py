"""What the texts of the smart-home study state, compared with its tables and the simulated ones."""

from collections.abc import Callable
from dataclasses import dataclass

from hmesh.environment.smart_home_profiles import smart_home_profile
from hmesh.runs.studies.published_figures import PublishedFigure, half_digit
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

type Value = Callable[[str, str, str], float]

LOSS, CAPACITY = "storage energy loss", "optimal storage capacity"


@dataclass(frozen=True, slots=True)
class Claim:
    """A reduction stated in a text.

    Attributes
    ----------
    where : str
        Where it is stated.
    what : str
        What is compared.
    printed : str
        The reduction with the digits that are printed [%].
    worked_out : callable
        The reduction that figures by metric, assignment and season amount to [%].
    item : str
        Its item among the published figures, if it is one.
    """

    where: str
    what: str
    printed: str
    worked_out: Callable[[Value], float]
    item: str = ""

    @property
    def stated(self) -> float:
        """The reduction [%]."""
        return float(self.printed)

    @property
    def metric(self) -> str:
        """Its metric among the published figures."""
        loss = self.what.startswith("loss")
        return "energy loss reduction" if loss else "storage capacity reduction"


def _mean(value: Value, metric: str, names: tuple[str, ...], seasons: tuple[str, ...]) -> float:
    cells = [value(metric, name, season) for name in names for season in seasons]
    return sum(cells) / len(cells)


def _less(
    metric: str,
    names: tuple[str, ...],
    than: tuple[str, ...],
    *seasons: str,
) -> Callable[[Value], float]:
    """Return how much lower the mean of some assignments is than that of others [%]."""

    def reduction(value: Value) -> float:
        return 100 * (
            1 - _mean(value, metric, names, seasons) / _mean(value, metric, than, seasons)
        )

    return reduction


_MPFA = ("MPFA/SG", "MPFA/MG")
_SHIFTED = ("MPFA/SG+LS", "MPFA/MG+LS")
_SPFA = ("SPFA/S", "SPFA/GS")
_SG, _MG = ("MPFA/SG",), ("MPFA/MG",)


def _winter_below_summer(value: Value) -> float:
    """Return how much lower losses with shifting are in winter than in summer [%]."""
    winter, summer = (_mean(value, LOSS, _SHIFTED, (season,)) for season in ("winter", "summer"))
    return 100 * (1 - winter / summer)


CLAIMS = (
    Claim("thesis 3.5.4", "loss of MPFA below that of both SPFA, all seasons", "55.2",
          _less(LOSS, _MPFA, _SPFA, "winter", "summer"), "MPFA vs SPFA"),
    Claim("thesis 3.5.4", "loss of MPFA/SG below SPFA/S, winter", "67",
          _less(LOSS, _SG, ("SPFA/S",), "winter"), "MPFA/SG vs SPFA/S winter"),
    Claim("thesis 3.5.4", "loss of MPFA/MG below SPFA/S, winter", "66.5",
          _less(LOSS, _MG, ("SPFA/S",), "winter"), "MPFA/MG vs SPFA/S winter"),
    Claim("thesis 3.5.4", "loss of SPFA/GS below SPFA/S, winter", "53.7",
          _less(LOSS, ("SPFA/GS",), ("SPFA/S",), "winter"), "SPFA/GS vs SPFA/S winter"),
    Claim("thesis 3.5.4", "loss of MPFA below SPFA/S, winter", "66.8",
          _less(LOSS, _MPFA, ("SPFA/S",), "winter")),
    Claim("thesis 3.5.4", "loss of MPFA below SPFA/S, summer", "67.9",
          _less(LOSS, _MPFA, ("SPFA/S",), "summer")),
    Claim("article abstract, thesis 3.5.6", "loss with shifting below that without, winter", "11.4",
          _less(LOSS, _SHIFTED, _MPFA, "winter"), "load shifting, winter"),
    Claim("article 6.3, thesis 3.5.6", "loss with shifting below that without, summer", "1.4",
          _less(LOSS, _SHIFTED, _MPFA, "summer"), "load shifting, summer"),
    Claim("article abstract, thesis 3.5.6", "capacity with shifting below that without, winter",
          "62.1", _less(CAPACITY, _SHIFTED, _MPFA, "winter"), "load shifting, winter"),
    Claim("article 6.3, thesis 3.5.6", "capacity with shifting below that without, summer", "6.7",
          _less(CAPACITY, _SHIFTED, _MPFA, "summer"), "load shifting, summer"),
    Claim("thesis 3.5.6", "loss with shifting, winter below summer", "9.9",
          _winter_below_summer, "load shifting, winter vs summer"),
    Claim("thesis 3.5.6 and chapter 6", "loss of MPFA/SG with shifting, worst season", "1.9",
          _less(LOSS, _SHIFTED[:1], _SG, "summer")),
    Claim("thesis 3.5.6 and chapter 6", "loss of MPFA/MG with shifting, worst season", "2.1",
          _less(LOSS, _SHIFTED[1:], _MG, "summer")),
    Claim("thesis 3.5.6 and chapter 6", "capacity of MPFA/SG with shifting, worst season", "21.9",
          _less(CAPACITY, _SHIFTED[:1], _SG, "summer")),
    Claim("thesis 3.5.6 and chapter 6", "capacity of MPFA/MG with shifting, worst season", "29.6",
          _less(CAPACITY, _SHIFTED[1:], _MG, "summer")),
    Claim("thesis 3.5.7 and 6.2", "loss of MPFA with shifting below SPFA/S, winter", "72.9",
          _less(LOSS, _SHIFTED, ("SPFA/S",), "winter"), "MPFA with shifting vs SPFA/S winter"),
    Claim("thesis 3.5.7", "loss of MPFA with shifting below SPFA/S, summer", "72.2",
          _less(LOSS, _SHIFTED, ("SPFA/S",), "summer"), "MPFA with shifting vs SPFA/S summer"),
    Claim("thesis 3.5", "capacity of MPFA below SPFA/S, winter", "5.8",
          _less(CAPACITY, _MPFA, ("SPFA/S",), "winter")),
    Claim("thesis 3.5", "capacity of MPFA below SPFA/S, summer", "16.9",
          _less(CAPACITY, _MPFA, ("SPFA/S",), "summer")),
    Claim("thesis 3.5", "capacity of MPFA with shifting below SPFA/S, winter", "57",
          _less(CAPACITY, _SHIFTED, ("SPFA/S",), "winter")),
    Claim("thesis 3.5", "capacity of MPFA with shifting below SPFA/S, summer", "51.9",
          _less(CAPACITY, _SHIFTED, ("SPFA/S",), "summer")),
)  # fmt: skip


def room_of(claim: Claim, figures: tuple[PublishedFigure, ...]) -> float:
    """Return how far a statement may be off the tables by rounding alone [points].

    Half its own unit last digit, and what half a unit of the last digit of each cell of the
    tables behind it moves the reduction, all of them the same way.
    """
    value = _published(figures)
    half = {
        (f.metric, f.item): float(half_digit(f.printed))
        for f in figures
        if f.metric in (LOSS, CAPACITY)
    }
    used: dict[tuple[str, str], None] = {}

    def noted(metric: str, name: str, season: str) -> float:
        used[metric, f"{name} {season}"] = None
        return value(metric, name, season)

    exact = claim.worked_out(noted)

    def moved(cell: tuple[str, str]) -> float:
        def off(metric: str, name: str, season: str) -> float:
            by = half[cell] if (metric, f"{name} {season}") == cell else 0.0
            return value(metric, name, season) + by

        return abs(claim.worked_out(off) - exact)

    return float(half_digit(claim.printed)) + sum(map(moved, used))


def claimed(simulated: Value) -> dict[tuple[str, str], float]:
    """Return the simulated figures for every statement among the published figures."""
    return {
        (claim.item, claim.metric): claim.worked_out(simulated) for claim in CLAIMS if claim.item
    }


def claims(figures: tuple[PublishedFigure, ...], simulated: Value) -> ReportSection:
    """Set every reduction stated in the texts beside what the tables amount to."""
    published = _published(figures)
    rows: list[tuple[Cell, ...]] = []
    for claim in CLAIMS:
        table, ours = claim.worked_out(published), claim.worked_out(simulated)
        room = room_of(claim, figures)
        agrees = abs(table - claim.stated) <= room
        rows.append((claim.what, claim.where, claim.printed, table, room, agrees, ours))
    columns = (
        Column("statement"),
        Column("where"),
        Column("printed [%]"),
        Column("published tables [%]", ".2f"),
        Column("rounding [points]", ".2f"),
        Column("agree"),
        Column("simulated [%]", ".1f"),
    )
    text = (*_sentences(published), *_verdicts(published))
    return ReportSection("claims", "What the texts state", columns, tuple(rows), text)


def _sentences(published: Value) -> tuple[str, ...]:
    only = _less(LOSS, _SG, _SPFA, "summer")(published)
    capacity = _less(CAPACITY, _SG, ("SPFA/S",), "winter")(published)
    return (
        f"55.2 % holds for MPFA/SG in summer alone ({only:.1f} %), and 5.8 % of capacity for "
        f"MPFA/SG alone ({capacity:.1f} %). 53.7 % is {_gs(published):.1f} %.",
    )


def _gs(published: Value) -> float:
    return _less(LOSS, ("SPFA/GS",), ("SPFA/S",), "winter")(published)


def _verdicts(published: Value) -> tuple[str, ...]:
    """Answer the statements of the texts that are no single figure."""
    shifted = {
        (name, season): (
            _less(LOSS, (f"{name}+LS",), (name,), season)(published),
            _less(CAPACITY, (f"{name}+LS",), (name,), season)(published),
        )
        for name in _MPFA
        for season in ("winter", "summer")
    }
    sg, mg = shifted["MPFA/SG", "winter"], shifted["MPFA/MG", "winter"]
    more = [
        season
        for season in ("winter", "summer")
        if published(LOSS, "MPFA/MG", season) > published(LOSS, "MPFA/SG", season)
    ]
    most = max(
        100 * (1 - published(LOSS, "MPFA/SG", s) / published(LOSS, "SPFA/S", s))
        for s in ("winter", "summer")
    )
    return (
        "'MPFA/MG in winter has the highest reduction in both': of losses yes "
        f"({mg[0]:.1f} against {sg[0]:.1f} %), of capacity no ({mg[1]:.1f} against {sg[1]:.1f} %).",
        "'The loss decreases with the number of connections': MPFA/MG, with more connections, "
        f"loses more than MPFA/SG in {' and '.join(more)}.",
        f"'Up to 67 %' of losses saved is exceeded in summer ({most:.1f} %).",
        "Chapter 6 gives 55.2, 72.9 and 57 % in its text and 55.2, 2.1 and 29.6 % in Figure 6.1.",
        "'The air conditioner consumes less in summer': its power is less, but in the hours of "
        f"table 3.1 it wants {_cooling('summer_from_05'):.2f} kWh against "
        f"{_cooling('winter'):.2f} kWh in winter.",
    )


def _cooling(profile: str) -> float:
    return float(smart_home_profile(profile)["air_conditioner"].sum())


def baselines(figures: tuple[PublishedFigure, ...]) -> ReportSection:
    """Work out from which figures without shifting the reductions stated would follow."""
    published = _published(figures)
    rows: list[tuple[Cell, ...]] = []
    for claim in CLAIMS:
        if "shifting" not in claim.what or "SPFA" in claim.what or "below summer" in claim.what:
            continue
        metric = LOSS if claim.what.startswith("loss") else CAPACITY
        season = "winter" if "winter" in claim.what else "summer"
        names = tuple(one for one in _MPFA if one in claim.what) or _MPFA
        with_shifting = _mean(published, metric, tuple(f"{n}+LS" for n in names), (season,))
        without = _mean(published, metric, names, (season,))
        implied = with_shifting / (1 - claim.stated / 100)
        rows.append((claim.what, claim.stated, with_shifting, implied, without))
    columns = (
        Column("statement"),
        Column("stated [%]", ".1f"),
        Column("with shifting, tables [kWh]", ".3f"),
        Column("without, as stated implies [kWh]", ".3f"),
        Column("without, tables [kWh]", ".3f"),
    )
    text = (
        "The reductions by shifting agree with each other and with the shifted columns of tables "
        "3.3 and 3.4 if another run stood for the day without shifting. So the tables mix two "
        "runs: an older one without shifting and a newer one with it.",
    )
    return ReportSection(
        "baselines", "Which day without shifting the texts have in mind", columns, tuple(rows), text
    )


def _published(figures: tuple[PublishedFigure, ...]) -> Value:
    table = {(figure.metric, figure.item): figure.value for figure in figures}

    def value(metric: str, name: str, season: str) -> float:
        return table[metric, f"{name} {season}"]

    return value
