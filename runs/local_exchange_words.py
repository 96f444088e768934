"""What a run says of local exchange: rows of its summary, and words for each strategy."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Figure, Sentence, energy
from hmesh.runs.report.sentence import money as amount
from hmesh.runs.summary_rows import Row, Totals, money, mwh, one

# What else a community has of its own than what it shares, by the figure that counts it.
_REST = {"self_consumption": "local_surplus_kwh", "self_sufficiency": "local_lack_kwh"}


def local_rows(totals: Totals) -> list[Row]:
    """Return the rows of the summary on local exchange, where any community has one."""
    if "local_shared_kwh" not in totals:
        return []
    return [
        ("shared locally [MWh]", lambda t: t["local_shared_kwh"] / 1000.0, mwh, True),
        ("  self-consumption [%]", lambda t: percent(t, "self_consumption"), one, False),
        ("  self-sufficiency [%]", lambda t: percent(t, "self_sufficiency"), one, False),
        ("  buyers save [{currency}]", lambda t: t["local_saving"], money, True),
        ("  grid fees of it [{currency}]", lambda t: t["local_grid_fees"], money, True),
    ]


def percent(totals: Totals, figure: str) -> float | None:
    """Return self-consumption or self-sufficiency of all communities that share [%]."""
    used = totals["local_own_kwh"] + totals["local_shared_kwh"]
    whole = totals["local_own_kwh"] + totals[_REST[figure]]
    return 100.0 * used / whole if anything(whole) else None


def local_sentence(totals: Totals, currency: str) -> Sentence:
    """Return what members shared of what they generated, and what that saved."""
    if not anything(totals.get("local_shared_kwh", 0.0)):
        return ()
    saved = totals["local_saving"]
    text: Sentence = (
        "Members share ", energy(totals, "local_shared_kwh"),
        " of what they generate within their communities",
    )  # fmt: skip
    if anything(saved):
        text += (", which saves buyers ", Figure("local_saving", saved, amount(saved, currency)))
    used = percent(totals, "self_consumption")
    return (*text, f"; self-consumption {used:.1f} %. ") if used is not None else (*text, ". ")
