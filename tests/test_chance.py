import math

import numpy as np
import pytest
from scipy import stats

from hmesh.environment import Streams, chance
from hmesh.environment.cloudiness import clearness

STREAMS = Streams(2)


def normals(steps: int, rows: int, correlation: float) -> np.ndarray:
    """Return a process over steps, shape (steps, rows), as a run would make it."""
    values = np.empty((steps, rows))
    for step in range(steps):
        draw = STREAMS.generator("process", "row", step).standard_normal(rows)
        values[step] = draw
        if step:
            values[step] = chance.next_normal(values[step - 1], draw, correlation)
    return values


@pytest.mark.parametrize("correlation_h", [0.0, 6.0, 24.0])
def test_a_process_is_standard_normal_for_ever_and_forgets_as_it_should(
    correlation_h: float,
) -> None:
    rho = chance.correlation_over(1.0, correlation_h)
    values = normals(60, 4000, rho)
    for step in (0, 1, 10, 59):
        assert stats.kstest(values[step], stats.norm.cdf).pvalue > 1e-3
    for lag in (1, 5, 24):
        found = float((values[:-lag] * values[lag:]).mean(axis=0).mean())
        # One mean product of 4,000 independent rows has a standard error of at most 0.022.
        assert found == pytest.approx(rho**lag, abs=0.035)


def test_correlation_does_not_depend_on_the_length_of_the_step() -> None:
    quarter, hour = chance.correlation_over(0.25, 6.0), chance.correlation_over(1.0, 6.0)
    assert quarter**4 == pytest.approx(hour)
    assert chance.correlation_over(1.0, 0.0) == 0.0


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.6])
def test_noise_keeps_the_mean(sigma: float) -> None:
    factor = chance.noise_factor(normals(1, 200_000, 0.0)[0], sigma)
    error = math.sqrt(math.expm1(sigma**2) / 200_000)
    assert factor.mean() == pytest.approx(1.0, abs=4 * error + 1e-12)
    assert np.log(factor).std() == pytest.approx(sigma, rel=0.01)


def test_growth_compounds_at_every_moment() -> None:
    assert chance.growth_factor(0.02, 8760.0) == pytest.approx(1.02)
    assert chance.growth_factor(0.02, 3 * 8760.0) == pytest.approx(1.02**3)
    assert chance.growth_factor(-0.5, 4380.0) == pytest.approx(math.sqrt(0.5))
    assert chance.growth_factor(0.0, 1e6) == 1.0


@pytest.mark.parametrize(("mean", "deviation"), [(0.6, 0.25), (0.3, 0.1), (0.5, 0.4)])
def test_clearness_has_a_beta_distribution_and_a_memory(mean: float, deviation: float) -> None:
    both = mean * (1 - mean) / deviation**2 - 1
    exact = stats.beta(mean * both, (1 - mean) * both)
    assert (exact.mean(), exact.std()) == pytest.approx((mean, deviation))
    shares = clearness(normals(8, 20_000, 0.8), mean, deviation)
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert stats.kstest(shares[-1], exact.cdf).pvalue > 1e-3
    ranks = stats.spearmanr(shares[-2], shares[-1]).statistic
    # The rank correlation of a Gaussian copula.
    assert ranks == pytest.approx(6 / math.pi * math.asin(0.8 / 2), abs=0.02)
