"""Whether members of local exchanges lack and give what the ledger says that they trade."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.local_exchange import PROSUMERS, LocalExchangeAudit, party_of
from hmesh.runs.audits.run_inputs import EXACT


def check_local_trade(local: LocalExchangeAudit) -> Check:
    """Check that members lack and have too much what they trade with their aggregator."""
    tally = Tally("local exchange: members lack and give what they trade", EXACT,
                  "of the energy")  # fmt: skip
    label = local.inputs.places.label(local.inputs.communities)
    traded = _traded(local)
    if PROSUMERS in traded:
        # Their parts trade as others of their kinds do.
        traded = {"": np.sum(list(traded.values()), axis=0)}
    for party, due in traded.items():
        net = local.of_party("lack_kwh", party) - local.of_party("surplus_kwh", party)
        off = np.where(local.open, np.abs(net - due), np.abs(net))
        scale = np.maximum(np.maximum(np.abs(net), np.abs(due)), 1.0)
        there = np.isin(np.arange(local.open.shape[2]), list(local.sections))
        tally.add(np.where(there, off / scale, 0.0), label)
    return tally.check()


def _traded(local: LocalExchangeAudit) -> dict[str, FloatArray]:
    """Return what each party buys from its aggregator less what it sells to it [kWh]."""
    raw = local.run.table("ledger", ["step", "strategy", "kind", "payer", "payee", "energy_kwh"])
    strategies = {name: s for s, name in enumerate(local.inputs.strategies)}
    places = {name: m for m, name in enumerate(local.inputs.communities)}
    found = {
        party: np.zeros(local.open.shape) for party in dict.fromkeys(map(party_of, local.kinds))
    }
    for step, strategy, kind, payer, payee, energy in zip(*raw.to_pydict().values(), strict=True):
        if kind.startswith("local_"):
            continue
        for one, other, sign in ((payer, payee, 1.0), (payee, payer, -1.0)):
            party, _, place = one.partition("@")
            party = "consumers" if party == "batteries" else party
            if party in found and other == f"aggregator@{place}":
                found[party][step, strategies[strategy], places[place]] += sign * energy
    return found
