"""How outcomes are spread across seeds: quantiles, bootstrap intervals, one hump or two."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.sweeps.dip import dip_p_value

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONFIDENCE = 0.95
RESAMPLES = 999
# Fewer values have no shape that a test could find.
FEWEST_FOR_HUMPS = 10
# Below this p-value a distribution is reported as bimodal.
LEVEL = 0.05
# What holds fewer of the values is a tail, and no place of a hump.
LEAST_SHARE = 0.15
_GRID = 256
_HALVINGS = 30


def quantiles(values: FloatArray) -> FloatArray:
    """Return the quantiles of quantities across seeds.

    Parameters
    ----------
    values : array, shape (seeds, quantities)
        NaN where a value is missing.

    Returns
    -------
    array, shape (quantiles, quantities)
        Linear between order statistics, at `QUANTILES`; NaN where nothing is known.
    """
    found = np.full((len(QUANTILES), values.shape[1]), np.nan)
    known = np.isfinite(values)
    for pattern in np.unique(known, axis=1).T:
        same = (known == pattern[:, None]).all(axis=0)
        if pattern.any():
            found[:, same] = np.quantile(values[np.ix_(pattern, same)], QUANTILES, axis=0)
    return found


def bootstrap_interval(
    values: FloatArray, generator: np.random.Generator, resamples: int = RESAMPLES
) -> FloatArray:
    """Return bootstrap intervals of the means of quantities across seeds.

    Parameters
    ----------
    values : array, shape (seeds, quantities)
        NaN where a value is missing.
    generator : Generator
        Draws the resamples, the same for all quantities.
    resamples : int
        How many.

    Returns
    -------
    array, shape (2, quantities)
        Both ends of the intervals; NaN where fewer than three values are known.

    Notes
    -----
    Bias-corrected and accelerated percentiles [1]_, those of ``scipy.stats.bootstrap``, for all
    quantities from the same resamples of seeds. Where all values are equal, both ends are.

    References
    ----------
    .. [1] B. Efron, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82 (1987).
    """
    found = np.full((2, values.shape[1]), np.nan)
    known = np.isfinite(values)
    for pattern in np.unique(known, axis=1).T:
        if pattern.sum() < 3:
            continue
        same = np.flatnonzero((known == pattern[:, None]).all(axis=0))
        found[:, same] = _bca(values[np.ix_(pattern, same)], generator, resamples)
    return found


def _bca(values: FloatArray, generator: np.random.Generator, resamples: int) -> FloatArray:
    """Return bias-corrected and accelerated intervals of means, nothing missing."""
    from scipy.special import ndtr, ndtri

    number = len(values)
    drawn = generator.integers(number, size=(resamples, number))
    weights = np.zeros((resamples, number))
    np.add.at(weights, (np.arange(resamples)[:, None], drawn), 1.0 / number)
    # Not by a matrix product, whose last digits depend on the number of threads.
    means = np.einsum("rn,nq->rq", weights, values, optimize=False)
    mean = values.mean(axis=0)
    below = (means < mean).mean(axis=0)
    equal = (means == mean).mean(axis=0)
    bias = ndtri(np.clip(below + equal / 2, 1.0 / (resamples + 1), resamples / (resamples + 1)))
    without = (values.sum(axis=0) - values) / (number - 1)  # the jackknife's means
    apart = without.mean(axis=0) - without
    spread = (apart**2).sum(axis=0) ** 1.5
    skewed = (apart**3).sum(axis=0)
    acceleration = np.divide(skewed, 6 * spread, out=np.zeros_like(spread), where=spread > 0)
    ends = np.empty((2, values.shape[1]))
    for end, share in enumerate(((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)):
        at = bias + ndtri(share)
        level = ndtr(bias + at / (1 - acceleration * at))
        for quantity in range(values.shape[1]):
            ends[end, quantity] = np.quantile(means[:, quantity], level[quantity])
    constant = np.ptp(values, axis=0) == 0
    return np.where(constant, values[0], ends)


@dataclass(frozen=True, slots=True)
class Humps:
    """Whether a distribution has more than one hump.

    Attributes
    ----------
    p : float
        The p-value of the dip test of one hump against more.
    bandwidth : float
        The smallest bandwidth at which a kernel estimate has one hump, in units of the quantity.
    peaks : tuple of float
        The median of the values of each hump; where the test finds one, the place of its top.
    """

    p: float
    bandwidth: float
    peaks: tuple[float, ...]

    @property
    def two(self) -> bool:
        """Whether the test finds more than one."""
        return self.p < LEVEL and len(self.peaks) > 1


def humps(values: FloatArray) -> Humps | None:
    """Test whether a distribution has one hump.

    Parameters
    ----------
    values : array, shape (values,)
        Outcomes across seeds; NaN are left out.

    Returns
    -------
    Humps or None
        None where there are fewer than `FEWEST_FOR_HUMPS` values, or all are equal.

    Notes
    -----
    The dip test of Hartigan and Hartigan [1]_: the p-value is how likely as many draws of a uniform
    distribution, the flattest of one hump, are at least as far from all distributions of one hump.
    So it finds two in at most `LEVEL` of flat distributions, and in fewer of others that have one.
    Whole numbers, such as counts, would be a hump each; they are spread over a unit, those that are
    equal evenly. Where the humps are is read off a Gaussian kernel estimate, of the largest
    bandwidth that leaves two; there a hump holds at least `LEAST_SHARE` of the values.

    References
    ----------
    .. [1] J. A. Hartigan and P. M. Hartigan, "The dip test of unimodality", Annals of Statistics 13
       (1985) 70-84.
    """
    held = np.sort(values[np.isfinite(values)])
    deviation = float(held.std(ddof=1)) if len(held) > 1 else 0.0
    # What differs by rounding alone has no shape.
    if len(held) < FEWEST_FOR_HUMPS or deviation <= 1e-9 * max(abs(held).max(), 1e-300):
        return None
    p = dip_p_value(_spread_counts(held))
    scaled = (held - held.mean()) / deviation
    critical = _critical_bandwidth(scaled)
    peaks = _peaks(scaled, critical)
    if p < LEVEL:
        # An estimate that is just bimodal draws modes together; the values of each do not.
        peaks = _peaks(scaled, 0.9 * critical)
    if len(peaks) == 1:
        return Humps(p, critical * deviation, (float(held.mean() + deviation * peaks[0]),))
    between = np.searchsorted(scaled, (peaks[:-1] + peaks[1:]) / 2)
    middles = tuple(float(np.median(part)) for part in np.split(held, between))
    return Humps(p, critical * deviation, middles)


def _spread_counts(values: FloatArray) -> FloatArray:
    """Return sorted whole numbers spread over a unit around each, and other values as they are."""
    if (values != np.rint(values)).any():
        return values
    _, first, count = np.unique(values, return_index=True, return_counts=True)
    rank = np.arange(len(values)) - np.repeat(first, count)
    return np.asarray(values + (rank + 0.5) / np.repeat(count, count) - 0.5)


def bin_edges(values: FloatArray, found: Humps | None) -> FloatArray:
    """Return the edges of a histogram in which two modes are two.

    Parameters
    ----------
    values : array, shape (values,)
        Finite outcomes, not all equal.
    found : Humps or None
        What `humps` found of them.

    Returns
    -------
    array, shape (bins + 1,)
        As wide as the rule of Freedman and Diaconis has it, at most a fifth of the distance of the
        humps where there are several.
    """
    low, high = float(values.min()), float(values.max())
    width = 2.0 * float(np.subtract(*np.quantile(values, (0.75, 0.25)))) * len(values) ** (-1 / 3)
    if found is not None and found.two:
        width = min(width or np.inf, float(np.diff(found.peaks).min()) / 5.0)
    number = int(np.clip(np.ceil((high - low) / width), 5, 100)) if width > 0 else 5
    return np.linspace(low, high, number + 1)


def _critical_bandwidth(values: FloatArray) -> float:
    """Return the smallest bandwidth at which values, in standard deviations, have one hump."""
    low, high = 0.0, 2.0 * float(np.ptp(values))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if len(_peaks(values, middle)) > 1:
            low = middle
        else:
            high = middle
    return high


def _peaks(values: FloatArray, bandwidth: float) -> FloatArray:
    """Return where a Gaussian kernel estimate of values has its humps."""
    grid = np.linspace(values.min() - bandwidth, values.max() + bandwidth, _GRID)
    apart = (grid[:, None] - values) / bandwidth
    density = np.exp(-0.5 * apart**2).sum(axis=1)
    rises = np.diff(density) > 0
    tops = np.flatnonzero(rises[:-1] & ~rises[1:]) + 1
    valleys = grid[np.flatnonzero(~rises[:-1] & rises[1:]) + 1]
    held = np.bincount(np.searchsorted(valleys, values), minlength=len(valleys) + 1)
    if len(tops) == len(held):
        tops = tops[held >= LEAST_SHARE * len(values)]
    return grid[tops] if len(tops) else grid[[int(density.argmax())]]
