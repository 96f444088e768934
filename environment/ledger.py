"""Who paid whom for which energy, in exact double entry."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hmesh.environment.exact_numbers import from_exact, to_exact

COLUMNS = ("step", "kind", "payer", "payee", "energy_kwh", "price", "amount")


class Ledger:
    """Payments, and what they add up to for every party and every kind of payment.

    What is credited to one party is debited to another, and sums are kept without rounding: the
    balances of all parties add up to exactly zero, in whatever order payments come. Only reading
    a sum rounds it, once, to the nearest float.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Any, ...]] = []
        self._money: defaultdict[str, int] = defaultdict(int)
        self._energy: defaultdict[str, int] = defaultdict(int)
        self._money_by_kind: defaultdict[str, int] = defaultdict(int)
        self._energy_by_kind: defaultdict[str, int] = defaultdict(int)

    def pay(
        self,
        step: int,
        kind: str,
        payer: str,
        payee: str,
        energy_kwh: float,
        price: float,
        amount: float | None = None,
    ) -> float:
        """Enter a payment.

        Parameters
        ----------
        step : int
            Step in which the energy flowed.
        kind : str
            What is paid for, for instance ``"charging"``.
        payer, payee : str
            Who pays, and receives the energy; who is paid, and delivers it.
        energy_kwh : float
            Energy from payee to payer [kWh]; negative when it flowed the other way.
        price : float
            Price [money/kWh].
        amount : float, optional
            Money from payer to payee [money], ``energy_kwh * price`` unless given; negative when
            the payee pays back.

        Returns
        -------
        float
            The amount [money].

        Raises
        ------
        ValueError
            If energy or amount is not finite.
        """
        energy_kwh, price = float(energy_kwh), float(price)
        amount = energy_kwh * price if amount is None else float(amount)
        if not (math.isfinite(energy_kwh) and math.isfinite(amount)):
            raise ValueError(
                f"{payer} cannot pay {payee} {amount} for {energy_kwh} kWh ({kind}, step {step})"
            )
        self._entries.append((int(step), kind, payer, payee, energy_kwh, price, amount))
        money, energy = to_exact(amount), to_exact(energy_kwh)
        self._money[payer] -= money
        self._money[payee] += money
        self._energy[payer] += energy
        self._energy[payee] -= energy
        self._money_by_kind[kind] += money
        self._energy_by_kind[kind] += energy
        return amount

    @property
    def balances(self) -> dict[str, float]:
        """Money received less money paid, by party [money]."""
        return {party: from_exact(money) for party, money in self._money.items()}

    @property
    def energy_kwh(self) -> dict[str, float]:
        """Energy received less energy delivered, by party [kWh]."""
        return {party: from_exact(energy) for party, energy in self._energy.items()}

    def totals(self, kind: str) -> tuple[float, float]:
        """Return the energy [kWh] and the amount [money] of all payments of a kind."""
        energy, money = self._energy_by_kind.get(kind, 0), self._money_by_kind.get(kind, 0)
        return from_exact(energy), from_exact(money)

    def imbalance(self) -> float:
        """Return the sum of all balances [money], which is zero in a sound ledger."""
        return from_exact(sum(self._money.values()))

    def entries(self) -> dict[str, list[Any]]:
        """Return the payments since the last `drain`, as columns."""
        return {name: [entry[i] for entry in self._entries] for i, name in enumerate(COLUMNS)}

    def drain(self) -> dict[str, list[Any]]:
        """Return the payments since the last `drain` and forget them; all sums stay."""
        entries = self.entries()
        self._entries.clear()
        return entries

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs, fit for JSON."""
        sums = {name: {key: hex(n) for key, n in held.items()} for name, held in self._sums()}
        return {"entries": self.entries(), **sums}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`."""
        self._entries = list(zip(*(state["entries"][name] for name in COLUMNS), strict=True))
        for name, held in self._sums():
            held.clear()
            held.update({key: int(n, 16) for key, n in state[name].items()})

    def _sums(self) -> tuple[tuple[str, defaultdict[str, int]], ...]:
        return (
            ("money", self._money),
            ("energy", self._energy),
            ("money_by_kind", self._money_by_kind),
            ("energy_by_kind", self._energy_by_kind),
        )
