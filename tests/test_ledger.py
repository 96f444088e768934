import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.ledger import COLUMNS, Ledger

PARTIES = st.sampled_from(["utility", "homes", "malls", "vehicles of homes"])
KINDS = st.sampled_from(["charging", "inelastic load", "incentive"])
ENERGIES = st.floats(-1e9, 1e9)
PAYMENTS = st.lists(st.tuples(KINDS, PARTIES, PARTIES, ENERGIES, st.floats(-100, 100)), max_size=20)
Payment = tuple[str, str, str, float, float]


def booked(payments: list[Payment], ledger: Ledger | None = None) -> Ledger:
    ledger = ledger or Ledger()
    for step, payment in enumerate(payments):
        ledger.pay(step, *payment)
    return ledger


def test_an_hour_by_hand() -> None:
    ledger = Ledger()
    assert ledger.pay(0, "charging", "vehicles", "homes", 10, 30) == 300
    assert ledger.pay(0, "wholesale", "homes", "utility", 12, 20) == 240
    assert ledger.pay(0, "incentive", "utility", "school", 5, 2, amount=11) == 11
    assert ledger.pay(1, "charging", "vehicles", "homes", -4, 30) == -120
    assert ledger.balances == {"vehicles": -180, "homes": -60, "utility": 229, "school": 11}
    assert ledger.energy_kwh == {"vehicles": 6, "homes": 6, "utility": -7, "school": -5}
    assert ledger.totals("charging") == (6, 180)
    assert ledger.totals("never paid") == (0, 0)
    assert "never paid" not in str(ledger.state())
    assert ledger.imbalance() == 0


@given(PAYMENTS)
def test_money_and_energy_add_up_to_exactly_nothing(payments: list[Payment]) -> None:
    ledger = booked(payments)
    assert ledger.imbalance() == 0
    due = dict.fromkeys(ledger.balances, Fraction(0))
    moved = dict.fromkeys(ledger.balances, Fraction(0))
    for _, payer, payee, energy_kwh, price in payments:
        due[payer] -= Fraction(energy_kwh * price)
        due[payee] += Fraction(energy_kwh * price)
        moved[payer] += Fraction(energy_kwh)
        moved[payee] -= Fraction(energy_kwh)
    assert ledger.balances == {party: float(money) for party, money in due.items()}
    assert ledger.energy_kwh == {party: float(energy) for party, energy in moved.items()}


@given(PAYMENTS, st.randoms(use_true_random=False))
def test_the_order_of_payments_does_not_matter(payments: list[Payment], random: object) -> None:
    shuffled = list(payments)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = booked(payments), booked(shuffled)
    assert first.balances == second.balances
    assert first.energy_kwh == second.energy_kwh
    for kind in ("charging", "inelastic load", "incentive"):
        assert first.totals(kind) == second.totals(kind)


@given(st.lists(st.floats(-1e307, 1e307), max_size=6))
def test_sums_are_exact_over_the_whole_range_of_floats(amounts: list[float]) -> None:
    ledger = Ledger()
    for amount in amounts:
        ledger.pay(0, "fee", "a", "b", 0, 0, amount=amount)
    assert ledger.totals("fee") == (0, float(sum(map(Fraction, amounts))))


def test_many_small_payments_do_not_drift() -> None:
    ledger = Ledger()
    for _ in range(1000):
        ledger.pay(0, "charging", "vehicles", "homes", 0.1, 1.0)
    assert ledger.balances["homes"] == float(1000 * Fraction(0.1))


def test_entries_are_kept_until_drained() -> None:
    ledger = booked([("charging", "vehicles", "homes", 2.0, 30.0)])
    values = [0], ["charging"], ["vehicles"], ["homes"], [2.0], [30.0], [60.0]
    expected = dict(zip(COLUMNS, values, strict=True))
    assert ledger.entries() == ledger.entries() == expected
    assert ledger.drain() == expected
    assert ledger.drain() == {column: [] for column in COLUMNS}
    assert ledger.balances == {"vehicles": -60, "homes": 60}


@given(PAYMENTS, PAYMENTS)
def test_a_resumed_ledger_is_the_ledger(before: list[Payment], after: list[Payment]) -> None:
    whole = booked(after, booked(before))
    resumed = Ledger()
    resumed.pay(0, "charging", "someone", "else", 1, 1)
    resumed.restore(json.loads(json.dumps(booked(before).state())))
    assert booked(after, resumed).state() == whole.state()


@pytest.mark.parametrize("energy_kwh", [math.nan, math.inf])
def test_what_is_no_number_is_refused_and_not_entered(energy_kwh: float) -> None:
    ledger = Ledger()
    with pytest.raises(ValueError, match=r"vehicles cannot pay homes .*charging, step 3"):
        ledger.pay(3, "charging", "vehicles", "homes", energy_kwh, 30)
    assert ledger.entries()["step"] == []
    assert ledger.balances == {}
