"""Whether members with an elasticity use what they should at the prices of their communities."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.member_energies import Energies, GroupEnergy
from hmesh.runs.audits.reference.loads import LoadsWithElasticity
from hmesh.runs.audits.reference.stores import Answer
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, SchemeAudit, parts, total
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.member_groups import Elasticity
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

UNMOVED = "unmoved_kwh"
_UNHEARD = "messages may be lost or late"


@dataclass(frozen=True, slots=True)
class ElasticStep:
    """The members with an elasticity in a step.

    Attributes
    ----------
    where : array of int, shape (groups,)
        Community of each group of them.
    loads : LoadsWithElasticity
        The load of each group.
    members : array of int
        How many of each group use energy.
    community_price : array
        Prices [money/kWh], NaN where there is no supply.
    exchanged_kwh : array
        What those of each community used more than their load [kWh].
    answered : bool
        Whether they answered to these prices.
    known : bool
        Whether it is known that all of them heard these prices.
    """

    where: NDArray[np.intp]
    loads: LoadsWithElasticity
    members: NDArray[np.intp]
    community_price: FloatArray
    exchanged_kwh: FloatArray
    answered: bool
    known: bool
    name: str = "consumers"

    @property
    def least_kwh(self) -> FloatArray:
        """What those of each community use more than their load at least [kWh]."""
        least = self.loads.load_kwh * (self.loads.least - 1)
        return np.bincount(self.where, least, len(self.community_price)).astype(np.float64)

    @property
    def worth(self) -> float:
        """What that was worth to all of them [money], NaN where not all may have heard a price."""
        if not self.answered:
            return 0.0
        return self.worth_at(self.community_price) if self.known else np.nan

    def answers(self, community: int) -> list[Answer]:
        """Return the answers of those of a community."""
        mine = (self.where == community) & (self.loads.load_kwh > 0)
        return [self.loads.rows(mine).answer()] if mine.any() else []

    def count(self, community: int) -> int:
        """Return how many of them are in a community."""
        return int(self.members[self.where == community].sum())

    def sums_kwh(self, community: int, price: FloatArray) -> FloatArray:
        """Return what those of a community use more at each of some prices [kWh]."""
        more: FloatArray = (
            self.loads.rows(self.where == community).more_kwh(price[:, None]).sum(axis=1)
        )
        return more

    def worth_at(self, community_price: FloatArray) -> float:
        """Return what they use more at some prices is worth to all of them [money]."""
        price = community_price[self.where]
        return float(np.where(np.isnan(price), 0.0, self.loads.worth(price)).sum())

    def at_bound(self, community_price: FloatArray) -> bool:
        """Return whether some prices take any of them to a bound."""
        bound = self.loads.at_bound(community_price[self.where])
        return bool((bound & (self.loads.load_kwh > 0)).any())


class ElasticAudit(SchemeAudit):
    """The audit of the members with an elasticity, beside those of the schemes.

    Parameters
    ----------
    inputs, hours : RunInputs, dict of array
        What the scenario settles, and the columns of hours.parquet before anything was shed.
    energies, out : mapping of (str, str) to GroupEnergy or None, array of bool
        As `member_energies` and `feeders_out` give them.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes whose homes use energy beside members.
    """

    answers = answers_beside = True

    def __init__(
        self,
        inputs: RunInputs,
        hours: Columns,
        energies: Energies,
        out: NDArray[np.bool_],
        schemes: Sequence[SchemeAudit] = (),
    ) -> None:
        self.inputs, self._hours, self._schemes = inputs, hours, schemes
        self._given: dict[tuple[str, str], Elasticity] = {
            (name, group.name): group.elasticity
            for name, community in inputs.scenario.communities.items()
            for group in community.members
            if group.elasticity is not None
        }
        self.parties = [f"consumers@{name}" for name in inputs.communities] if self._given else []
        self._gone = any(energies[key] is None for key in self._given)
        self._out = out
        self._energies: dict[tuple[str, str], GroupEnergy] = {
            key: energy for key in self._given if (energy := energies[key]) is not None
        }
        self._where = np.array([inputs.communities.index(name) for name, _ in self._energies], int)
        self._answered = np.array([rule != RETAIL for rule in inputs.pricing])
        # Of each strategy whether they use what is best at its prices.
        self._heard = [inputs.reliable and rule != OWN_RULE for rule in inputs.pricing]
        self.known = not self._gone and all(self._heard)
        # Nothing of it is known where a file of loads is gone, else what each community used.
        self._more = self._of_hours(energies)

    @property
    def there(self) -> bool:
        """Whether anybody has an elasticity."""
        return bool(self._given)

    def hours(self) -> Columns:
        """Return a column of the hours: what each community draws, its members using their load.

        That is what those meter who act before prices are set.
        """
        return {UNMOVED: self._hours["net_kwh"] - self._more}

    def _of_hours(self, energies: Energies) -> FloatArray:
        """Return what members used more than their load by hours.parquet, of their shape."""
        used = self._hours["fixed_load_kwh"]
        if self._given:
            used = used - total(parts(self._schemes, "fixed_load_kwh"), used)
        more = np.zeros_like(used)
        for m, name in enumerate(self.inputs.communities):
            groups = [energy for (community, _), energy in energies.items() if community == name]
            known = [energy for energy in groups if energy is not None]
            if len(known) == len(groups) and any(name == community for community, _ in self._given):
                load = np.where(self._out[:, m], 0.0, sum(energy.load for energy in known))
                more[:, :, m] = used[:, :, m] - load[:, None]
        return more

    def _loads(self, step: int) -> LoadsWithElasticity:
        """Return the load of each group in a step, 0 where there is no supply."""
        dark = self._out[step][self._where]
        load = np.array([energy.consumed[step] for energy in self._energies.values()])
        given = [self._given[key] for key in self._energies]
        return LoadsWithElasticity(
            np.where(dark, 0.0, load),
            np.array([each.value for each in given]),
            np.array([each.reference_price for each in given]),
            np.array([each.lower_share for each in given]),
            np.array([each.upper_share for each in given]),
        )

    def _expected(self) -> dict[tuple[str, str], FloatArray]:
        """Return what each group should use more, each of shape (steps, strategies)."""
        shape = self._hours["fixed_load_kwh"].shape[:2]
        more = {key: np.zeros(shape) for key in self._energies}
        for step in range(shape[0]):
            loads = self._loads(step)
            price = self._hours["community_price"][step][:, self._where]
            each = np.where(np.isnan(price), 0.0, loads.more_kwh(price))
            each[~self._answered] = 0.0
            for k, key in enumerate(self._energies):
                more[key][step] = each[:, k]
        return more

    def others(self, step: int, strategy: int) -> ElasticStep | None:
        """Return those who answer to the price of a step; None where they are not known."""
        if self._gone:
            return None
        users = np.array([energy.users[step] for energy in self._energies.values()])
        dark = self._out[step][self._where]
        return ElasticStep(
            self._where,
            self._loads(step),
            np.where(dark, 0, users),
            self._hours["community_price"][step, strategy],
            self._more[step, strategy],
            bool(self._answered[strategy]),
            self._heard[strategy],
        )

    def answer_nodes(self) -> NDArray[np.intp] | None:
        """Return the node of each community, since that feeds all that they are connected to."""
        return None if self.inputs.setting is None else self.inputs.setting.community_nodes

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what they use more than their load, of the shape of the hours."""
        if not self.known:
            return {"fixed_load_kwh": self._more}
        due = np.zeros_like(self._more)
        for (name, _), more in self._expected().items():
            due[:, :, self.inputs.communities.index(name)] += more
        return {"fixed_load_kwh": due}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what they draw more at their connections, NaN where that is not known [kWh]."""
        expected = self._expected()
        if self.known:
            return expected
        return {key: np.full_like(more, np.nan) for key, more in expected.items()}

    def checks(self) -> Iterator[Check]:
        """Check what all of a community use together, and that it stays within its shares."""
        if not self.there:
            return
        tally = Tally("elasticity: members use what they should at their price", EXACT,
                      "of the energy")  # fmt: skip
        label = self.inputs.places.label(self.inputs.communities)
        if self._gone:
            tally.note("a file of loads is gone or has changed")
        elif self.known:
            due = self.hour_kwh()["fixed_load_kwh"]
            scale = np.maximum(np.abs(self._hours["fixed_load_kwh"]), 1.0)
            tally.add(np.abs(self._more - due) / scale, label)
        else:
            tally.note(f"within their shares alone, since {self._why}")
            tally.add(self._beyond_shares(), label)
        yield tally.check()

    @property
    def _why(self) -> str:
        return _UNHEARD if not self.inputs.reliable else "a rule of a plugin sets prices"

    def _beyond_shares(self) -> FloatArray:
        """Return how far the members of each community are beyond their shares, as a share."""
        least, most = np.zeros_like(self._more), np.zeros_like(self._more)
        for step in range(len(self._more)):
            loads = self._loads(step)
            for m in range(len(self.inputs.communities)):
                mine = loads.rows(self._where == m)
                least[step, :, m] = (mine.load_kwh * (mine.least - 1)).sum()
                most[step, :, m] = (mine.load_kwh * (mine.most - 1)).sum()
        beyond = np.maximum(np.maximum(least - self._more, self._more - most), 0.0)
        scale = np.maximum(np.abs(self._hours["fixed_load_kwh"]), 1.0)
        return np.where(supplied(self._hours), beyond, np.abs(self._more)) / scale

    def figures(self) -> tuple[Figures, Figures]:
        """Return what they used more than their load."""
        if not self.there or self._gone:
            return {}, {}
        figures: Figures = {"elastic_response_kwh": self._more.sum(axis=2)}
        if self.known:
            figures["elastic_response_worth"] = self._worth()
        return figures, {}

    def _worth(self) -> FloatArray:
        """Return what it was worth to all, shape (steps, strategies) [money]."""
        worth = np.zeros(self._more.shape[:2])
        for step in range(len(worth)):
            price = self._hours["community_price"][step][:, self._where]
            of_each = np.where(np.isnan(price), 0.0, self._loads(step).worth(price))
            worth[step, self._answered] = of_each.sum(axis=1)[self._answered]
        return worth
