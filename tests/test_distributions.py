from typing import Any

import numpy as np
import pytest
from scipy import stats

from hmesh.environment import Streams, distributions
from hmesh.environment.arrays import FloatArray

SHARES = Streams(1).generator("tests of distributions").random(20_000)


def fits(values: FloatArray, exact: Any) -> bool:
    """Whether a distribution explains the values; by chance alone one in a thousand does not."""
    return bool(stats.kstest(values, exact.cdf).pvalue > 1e-3)


def test_uniform_keeps_the_bits_of_the_first_version() -> None:
    values = distributions.uniform(SHARES, 50.0, 70.0)
    np.testing.assert_array_equal(values, 50.0 + (70.0 - 50.0) * SHARES)
    assert fits(values, stats.uniform(50, 20))


@pytest.mark.parametrize(
    ("low", "high"),
    [(-np.inf, np.inf), (55.0, 65.0), (45.0, np.inf), (80.0, 90.0), (-np.inf, 38.0)],
)
def test_a_truncated_normal_is_what_is_left_of_a_normal(low: float, high: float) -> None:
    values = distributions.truncated_normal(SHARES, 60.0, 5.0, low, high)
    assert values.min() >= low
    assert values.max() <= high
    assert fits(values, stats.truncnorm((low - 60) / 5, (high - 60) / 5, 60, 5))


@pytest.mark.parametrize("deviation", [0.5, 4.0])
def test_a_lognormal_has_the_moments_asked_for(deviation: float) -> None:
    sigma = np.sqrt(np.log1p((deviation / 2) ** 2))
    exact = stats.lognorm(sigma, scale=2 * np.exp(-(sigma**2) / 2))
    assert (exact.mean(), exact.std()) == pytest.approx((2.0, deviation))
    values = distributions.lognormal(SHARES, 2.0, deviation)
    assert values.min() > 0
    assert fits(values, exact)


@pytest.mark.parametrize("mode", [10.0, 13.0, 20.0])
def test_a_triangular_distribution_rises_to_its_mode(mode: float) -> None:
    values = distributions.triangular(SHARES, 10.0, mode, 20.0)
    assert fits(values, stats.triang((mode - 10) / 10, 10, 10))


def test_values_of_a_list_are_equally_likely() -> None:
    values = distributions.drawn_from(SHARES, np.array([3.0, 1.0, 4.0, 1.5]))
    counts = np.unique(values, return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_ends_of_the_shares_give_finite_values() -> None:
    ends = np.array([0.0, 1.0 - 2.0**-53])
    for values in (
        distributions.truncated_normal(ends, 0.0, 1.0),
        distributions.lognormal(ends, 1.0, 1.0),
        distributions.triangular(ends, 0.0, 0.5, 1.0),
        distributions.drawn_from(ends, np.array([1.0, 2.0])),
    ):
        assert np.isfinite(values).all()
        assert values[0] < values[1]
