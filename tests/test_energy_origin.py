import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hmesh.environment.energy_origin import shares_after_charging

ENERGY = st.floats(0.0, 100.0)


@st.composite
def batteries(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    count, origins = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    raw = draw(arrays(float, (count, origins), elements=st.floats(0.01, 1.0)))
    stored = draw(arrays(float, count, elements=ENERGY))
    charged = draw(arrays(float, count, elements=ENERGY))
    origin = draw(arrays(np.intp, count, elements=st.integers(0, origins - 1)))
    return raw / raw.sum(axis=1, keepdims=True), stored, charged, origin


@given(batteries())
def test_the_energy_of_every_origin_is_kept(
    given_: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    shares, stored, charged, origin = given_
    after = shares_after_charging(shares, stored, charged, origin)
    np.testing.assert_allclose(after.sum(axis=1), 1.0)
    expected = shares * stored[:, None]
    expected[np.arange(len(origin)), origin] += charged
    np.testing.assert_allclose(after * (stored + charged)[:, None], expected, atol=1e-9)


def test_an_empty_battery_keeps_its_shares_and_a_first_charge_sets_them() -> None:
    shares = np.array([[0.25, 0.75], [0.25, 0.75]])
    after = shares_after_charging(
        shares, np.zeros(2), np.array([0.0, 3.0]), np.array([0, 0], dtype=np.intp)
    )
    np.testing.assert_array_equal(after, [[0.25, 0.75], [1.0, 0.0]])


def test_what_was_given_is_left_as_it_was() -> None:
    shares = np.array([[0.5, 0.5]])
    shares_after_charging(shares, np.ones(1), np.ones(1), np.array([1], dtype=np.intp))
    np.testing.assert_array_equal(shares, [[0.5, 0.5]])
