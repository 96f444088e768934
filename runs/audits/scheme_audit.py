"""What the audit of a scheme adds to that of the world, so that one audit holds any of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.others_answers import OthersAudit, OthersStep
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.table_reader import Columns

if TYPE_CHECKING:
    from hmesh.runs.audits.answers_of_stores import AnswersOfStores
    from hmesh.runs.audits.limits import AuditedGrid

# Each of shape (steps, strategies), or (strategies,) for a figure of the whole run.
type Figures = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments of one kind, at most one for every step, strategy and community.

    Attributes
    ----------
    kind : str
        What is paid for.
    payer, payee : str
        Who pays whom, with ``{community}`` for the name of the community.
    energy_kwh, amount : array
        What should be paid for, and how much, of the shape of the hours.
    there : array of bool
        Where there should be a payment, of the same shape.
    """

    kind: str
    payer: str
    payee: str
    energy_kwh: FloatArray
    amount: FloatArray
    there: NDArray[np.bool_]

    def received_by(self, party: str) -> FloatArray:
        """Return what a party receives by it, what it pays subtracted, of the shape of the hours.

        Parameters
        ----------
        party : str
            "utility" or "aggregator".
        """
        paid = np.where(self.there, self.amount, 0.0)
        sides = (self.payee.partition("@")[0] == party) - (self.payer.partition("@")[0] == party)
        received: FloatArray = paid * float(sides)
        return received


@dataclass(frozen=True, slots=True)
class Sale:
    """What is sold at the price of its community, in every step where there is supply.

    Attributes
    ----------
    kind : str
        What is paid for.
    payer, payee : str
        Who pays whom, with ``{community}`` for the name of the community.
    energy_kwh : array, or None
        What is paid for, of the shape of the hours; None where it is not known.
    """

    kind: str
    payer: str
    payee: str
    energy_kwh: FloatArray | None

    @property
    def sign(self) -> float:
        """1 where the aggregator receives the money, -1 where it pays."""
        return 1.0 if self.payee.startswith("aggregator@") else -1.0


@dataclass(frozen=True, slots=True)
class MemberFlows:
    """What single members buy and sell, pay and are paid, by the tables of their scheme.

    Every array is of shape (steps, strategies, members), or of one that broadcasts to it.

    Attributes
    ----------
    bought_kwh, sold_kwh, paid, received : array
        As the columns of accounts.parquet, step by step [kWh, money].
    place : array of int
        Community in which each is, -1 for none.
    """

    bought_kwh: FloatArray
    sold_kwh: FloatArray
    paid: FloatArray
    received: FloatArray
    place: NDArray[np.intp]


# By group of members with a tariff of their own: which of their kind they are, and by the columns
# of accounts.parquet what they amount to, each of shape (strategies, members).
type OwnBills = Mapping[str, tuple[NDArray[np.intp], dict[str, FloatArray]]]


@dataclass(frozen=True, slots=True)
class AnswersDue:
    """What stores of members have left to answer with, and what their table says.

    Attributes
    ----------
    member : array of int, shape (stores,)
        Place of its member in the group.
    give, take : array, shape (steps, strategies, stores)
        What each could deliver and draw, if no connection had a limit [kWh].
    lower_kwh, upper_kwh : array, shape (steps, strategies, stores)
        Within which bounds it answered by the table [kWh].
    place : array of int, shape (steps, strategies, stores), or None
        Community in which each is, -1 for none; None where none ever moves.
    """

    member: NDArray[np.intp]
    give: FloatArray
    take: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray
    place: NDArray[np.intp] | None = None


NO_ANSWERS = ""


class SchemeAudit:
    """The audit of a scheme: what its tables say, and what that amounts to for all others.

    "Of the shape of the hours" is (steps, strategies, communities). What a scheme leaves out, it
    has not: no messages, no energy, no payments.

    Attributes
    ----------
    message_kinds, parties : sequence of str
        Kinds of its messages, and who sends and receives them beside utility and aggregators.
    step_by_step : bool
        Whether it has tables that may be too long to be held.
    answers : bool
        Whether its agents answer to the price of the step.
    grid : AuditedGrid or None
        The grid with what its nodes took, set once lines.parquet has been read.
    beside : sequence of OthersAudit
        What knows those who answer beside its agents, set likewise.
    of_agents : bool
        Whether it audits agents of its own; False for prices, which are of agents of others.
    plugs_vehicles : bool
        Whether some of its agents are vehicles that are plugged in.
    answers_beside : bool
        Whether some of its agents answer beside vehicles, whom `others` knows.
    unlimited_price : array, or None
        What limits.parquet says that communities would pay if no line had a limit [money/kWh], of
        the shape of the hours; None where prices keep no limit.
    unknown_answers : str
        Why it is not known how, "" where it is.
    answers_by_design : bool
        Whether some of them answer by behaviours of plugins, so that no answer can be checked.
    answers_of : AnswersOfStores or None
        What its stores answer to prices; None where none do.
    not_covered : sequence of str
        Places of its tables that no check judges.
    added_figures : sequence of str
        Names of its figures that runs of earlier versions lack.
    """

    message_kinds: Sequence[str] = ()
    parties: Sequence[str] = ()
    step_by_step = False
    answers = False
    grid: "AuditedGrid | None" = None
    beside: Sequence[OthersAudit] = ()
    of_agents = True
    plugs_vehicles = False
    answers_beside = False
    unlimited_price: FloatArray | None = None
    unknown_answers = ""
    not_covered: Sequence[str] = ()
    answers_by_design = False
    answers_of: "AnswersOfStores | None" = None
    added_figures: Sequence[str] = ()

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what it adds to columns of hours.parquet [kWh], of the shape of the hours."""
        return {}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what it draws at connections of the grid [kWh].

        Returns
        -------
        mapping
            By community and name of the connection, each of shape (steps, strategies); NaN where
            only the sum over some connections of the community is known.
        """
        return {}

    def answer_nodes(self) -> NDArray[np.intp] | None:
        """Return the node of each community's agents that answer to a price, if there are any.

        -1 for a community without any.
        """
        return None if self.answers_of is None else self.answers_of.answer_nodes()

    def welfare(self) -> tuple[FloatArray, FloatArray] | None:
        """Return the welfare of every step, and the planner's, each (steps, strategies) [money].

        None where nobody answers to a price, or it is not known how.
        """
        return None

    def apart_kwh(self) -> Mapping[str, FloatArray]:
        """Return what members use and generate without trading it with aggregators [kWh].

        By ``fixed_load_kwh`` and ``generation_kwh``, of the shape of the hours, as their columns.
        """
        return {}

    def direct_kwh(self) -> FloatArray:
        """Return what it settles with the utility [kWh], of the shape of the hours."""
        return np.zeros(1)

    def aggregator_margin(self) -> FloatArray:
        """Return what aggregators receive beyond the prices of their communities [money].

        Of the shape of the hours; what they pay is subtracted.
        """
        return np.zeros(1)

    def payments(self) -> Sequence[Payments]:
        """Return what should stand in the ledger because of it."""
        return ()

    def own_bills(self) -> OwnBills | None:
        """Return the accounts of its agents with a tariff of their own, by group.

        Asked once it has made its checks; None where they are not known.
        """
        return {}

    def sales(self) -> Sequence[Sale]:
        """Return what its agents buy and sell at the price of their community."""
        return ()

    def check_sales(self, ledger: Mapping[str, Columns], tally: Tally) -> None:
        """Check what is known of sales whose energy is not.

        Parameters
        ----------
        ledger : mapping of dict of array
            The payments by kind, each column of the shape of the hours.
        tally : Tally
            Where to add what was found.
        """

    def member_flows(self, group: str) -> MemberFlows | str:
        """Return what the agents of a group of its section trade, or why that is not known.

        Asked once all tables have been read.
        """
        return "their scheme does not say what single members buy and sell"

    def answers_due(self, group: str) -> AnswersDue | str:
        """Return what stores of the agents of a group of its section have left to answer with.

        Asked once it has made its checks. Text says why it is not known, `NO_ANSWERS` that none
        ever answers.
        """
        return NO_ANSWERS

    def committed_kwh(self, group: str) -> FloatArray | str:
        """Return what each agent of a group draws whatever the price, or why it is not known.

        Of shape (steps, strategies, members) [kWh].
        """
        return "their scheme does not say what single members draw by their own rule"

    def figures(self) -> tuple[Figures, Figures]:
        """Return its figures of the summary: those that add up over steps, and of the run."""
        return {}, {}

    def checks(self) -> Iterator[Check]:
        """Check its own tables; raise DamagedTableError where they cannot be read."""
        return iter(())

    def opening(self) -> Iterator[Check]:
        """Open the tables that are read step by step, and check what never changes."""
        return iter(())

    def rows_per_step(self) -> int:
        """Return how many rows of such a table a step has."""
        return 0

    def block(self, first: int, last: int) -> None:
        """Read and check some steps of such tables, from the first to before the last."""

    def game(self, step: int, strategy: int) -> tuple[GameStep, PriceGame] | None:
        """Return who answers to the price of a step of the last block, None where nobody does."""
        return None

    def others(self, step: int, strategy: int) -> OthersStep | None:
        """Return its agents that answer beside vehicles in a step; None where they are not known.

        Asked of those with `answers_beside`, for steps of the last block.
        """
        return None if self.answers_of is None else self.answers_of.others(step, strategy)

    def rest(self) -> Iterator[tuple[str, Columns]]:
        """Return what stands in such tables after the last step, by their names."""
        return iter(())


def total(arrays: Iterator[FloatArray], like: NDArray[Any]) -> FloatArray:
    """Return the sum of some arrays of one shape, zeros where there are none."""
    return sum(arrays, np.zeros(like.shape))


def parts(schemes: Sequence[SchemeAudit], column: str) -> Iterator[FloatArray]:
    """Return what schemes add to a column of hours.parquet [kWh], of the shape of the hours."""
    return (part[column] for part in (scheme.hour_kwh() for scheme in schemes) if column in part)


def direct_kwh(schemes: Sequence[SchemeAudit], hours: Columns) -> FloatArray:
    """Return what schemes settle with the utility [kWh], of the shape of the hours."""
    return total((scheme.direct_kwh() for scheme in schemes), hours["net_kwh"])


def received(schemes: Sequence[SchemeAudit], hours: Columns, party: str) -> FloatArray:
    """Return what schemes pay to "utility" or "aggregator", of the shape of the hours."""
    payments = (paid for scheme in schemes for paid in scheme.payments())
    return total((paid.received_by(party) for paid in payments), hours["net_kwh"])


def apart_kwh(schemes: Sequence[SchemeAudit], hours: Columns, column: str) -> FloatArray:
    """Return what members use or generate without trading it with aggregators [kWh]."""
    held = (scheme.apart_kwh() for scheme in schemes)
    return total((each[column] for each in held if column in each), hours["net_kwh"])
