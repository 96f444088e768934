"""Best answers of an aggregator of very many members, found when the utility asks a price.

All kinks are sorted once, those at one price as one. The answer to a price lies between those to
its neighbours, and blocks of pieces that cannot reach the best are passed over, so that a question
costs little however many members there are. A whole response map would cost more than the prices
that are asked.
"""

from hmesh.markets.answers import Answers
from hmesh.markets.demand_curve import bends_of, merged
from hmesh.markets.response_on_demand import ResponseOnDemand

# Answers of more lines than this are merged: the last digits of prices differ then.
MANY_LINES = 2**15


def many(answers: Answers) -> bool:
    """Return whether an aggregator answers single prices instead of mapping all."""
    return answers.lines > MANY_LINES


def response_of_many(
    answers: Answers, lowest_price: float, highest_price: float
) -> ResponseOnDemand:
    """Return the best answers of an aggregator, each found when the utility asks a price.

    Answers are those of a `hmesh.markets.ResponseMap` up to rounding.

    Parameters
    ----------
    answers : Answers
        The sum of all that its members answer.
    lowest_price, highest_price : float
        What it may ask [money/kWh].
    """
    return ResponseOnDemand(merged(bends_of(answers, lowest_price, highest_price)).curve())
