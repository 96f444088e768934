import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, exchange_bounds, usable_kwh

ROWS = st.integers(1, 70)  # past the width of any vector unit, with a remainder
SEEDS = st.integers(0, 2**32 - 1)


def fleet(seed: int, rows: int) -> dict[str, FloatArray]:
    """Batteries of every kind, among them full, empty, overdrawn and ideal ones."""
    random = np.random.default_rng(seed)
    capacity_kwh = random.uniform(1, 200, rows)
    soc = random.choice([0.0, 0.1, 0.2, 0.9, 1.0, np.nan], rows)
    soc = np.where(np.isnan(soc), random.random(rows), soc)
    return {
        "energy_kwh": soc * capacity_kwh,
        "capacity_kwh": capacity_kwh,
        "soc_min": random.choice([0.0, 0.1, 0.2], rows),
        "soc_max": random.choice([0.9, 1.0], rows),
        "power_kw": random.choice([0.0, 7.0, 60.0], rows),
        "charge_efficiency": random.choice([1.0, 0.9, 0.951], rows),
        "discharge_efficiency": random.choice([1.0, 0.9, 0.957], rows),
        "reserve_kwh": random.choice([0.0, 3.3], rows),
    }


@given(SEEDS, ROWS, st.sampled_from([0.25, 1.0, 1 / 3]))
def test_one_row_has_the_bits_of_the_population(seed: int, rows: int, step_h: float) -> None:
    batteries = fleet(seed, rows)
    plugged = np.random.default_rng(seed).random(rows) < 0.8
    lo_kwh, hi_kwh = exchange_bounds(**batteries, step_h=step_h, plugged=plugged)
    exchange_kwh = lo_kwh + np.random.default_rng(seed + 1).random(rows) * (hi_kwh - lo_kwh)
    efficiencies = batteries["charge_efficiency"], batteries["discharge_efficiency"]
    after_kwh = charged(batteries["energy_kwh"], exchange_kwh, *efficiencies)
    usable = usable_kwh(batteries["energy_kwh"], batteries["capacity_kwh"], batteries["soc_min"])
    for row in range(rows):
        one = {name: float(column[row]) for name, column in batteries.items()}
        lo, hi = exchange_bounds(**one, step_h=step_h, plugged=bool(plugged[row]))
        left = charged(
            one["energy_kwh"],
            float(exchange_kwh[row]),
            one["charge_efficiency"],
            one["discharge_efficiency"],
        )
        alone = [lo, hi, left, usable_kwh(one["energy_kwh"], one["capacity_kwh"], one["soc_min"])]
        together = [column[row] for column in (lo_kwh, hi_kwh, after_kwh, usable)]
        assert np.array(alone).tobytes() == np.array(together).tobytes()


@given(SEEDS, ROWS)
def test_bounds_keep_the_store_within_its_limits(seed: int, rows: int) -> None:
    batteries = fleet(seed, rows)
    lo_kwh, hi_kwh = exchange_bounds(**batteries, step_h=0.25)
    assert np.all(lo_kwh <= 0)
    assert np.all(hi_kwh >= 0)
    assert not np.any(np.signbit(lo_kwh) & (lo_kwh == 0))
    assert np.all(np.maximum(-lo_kwh, hi_kwh) <= batteries["power_kw"] * 0.25)

    efficiencies = batteries["charge_efficiency"], batteries["discharge_efficiency"]
    energy_kwh, capacity_kwh = batteries["energy_kwh"], batteries["capacity_kwh"]
    tolerance_kwh = 1e-12 * capacity_kwh
    emptied_kwh = charged(energy_kwh, lo_kwh, *efficiencies)
    filled_kwh = charged(energy_kwh, hi_kwh, *efficiencies)
    floor_kwh = batteries["soc_min"] * capacity_kwh + batteries["reserve_kwh"]
    assert np.all(emptied_kwh >= np.minimum(floor_kwh, energy_kwh) - tolerance_kwh)
    ceiling_kwh = np.maximum(batteries["soc_max"] * capacity_kwh, energy_kwh)
    assert np.all(filled_kwh <= ceiling_kwh + tolerance_kwh)


def test_exchange_is_the_published_equation() -> None:
    assert charged(20.0, 5.0, 0.9, 0.8) == 20 + 0.9 * 5
    assert charged(20.0, -4.0, 0.9, 0.8) == 20 - 4 / 0.8
    assert charged(20.0, 0.0, 0.9, 0.8) == 20


@pytest.mark.parametrize(
    ("energy_kwh", "options", "expected"),
    [
        (20.0, {}, (-7.0, 7.0)),
        (10.0, {}, (-2.0, 7.0)),
        (10.0, {"reserve_kwh": 1.5}, (-0.5, 7.0)),
        (6.0, {}, (0.0, 7.0)),  # below soc_min: may charge, need not
        (33.0, {}, (-7.0, 3.0)),
        (38.0, {}, (-7.0, 0.0)),  # above soc_max: may discharge, need not
        (20.0, {"plugged": False}, (0.0, 0.0)),
    ],
)
def test_bounds_by_hand(
    energy_kwh: float, options: dict[str, float], expected: tuple[float, float]
) -> None:
    bounds = exchange_bounds(energy_kwh, 40.0, 0.2, 0.9, 7.0, 1.0, 1.0, 1.0, **options)
    assert bounds == pytest.approx(expected)


def test_bounds_use_all_of_the_store_beside_losses() -> None:
    """What fills the room is divided by the efficiency, what empties it multiplied."""
    lo_kwh, hi_kwh = exchange_bounds(33.0, 40.0, 0.2, 0.9, 70.0, 1.0, 0.9, 0.8)
    assert (lo_kwh, hi_kwh) == pytest.approx((-25.0 * 0.8, 3.0 / 0.9))


def test_floats_go_in_and_come_out() -> None:
    lo_kwh, hi_kwh = exchange_bounds(20.0, 40.0, 0.2, 0.9, 7.0, 1.0, 0.95, 0.95)
    for value in (lo_kwh, hi_kwh, charged(20.0, hi_kwh, 0.95, 0.95), usable_kwh(2.0, 40.0, 0.2)):
        assert isinstance(value, float)
    assert usable_kwh(2.0, 40.0, 0.2) == -6


def test_inputs_are_left_alone() -> None:
    batteries = fleet(5, 20)
    before = {name: column.copy() for name, column in batteries.items()}
    _, hi_kwh = exchange_bounds(**batteries, step_h=1.0)
    charged(batteries["energy_kwh"], hi_kwh, 0.9, 0.9)
    for name, column in batteries.items():
        np.testing.assert_array_equal(column, before[name])
