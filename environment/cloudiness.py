"""Cloudiness: how much of the clear sky's sunshine reaches the ground."""

from hmesh.environment.arrays import FloatArray


def clearness(normal: FloatArray, mean: float, deviation: float) -> FloatArray:
    """Return the share of the clear sky's generation that clouds let through.

    The share has a beta distribution. It is the quantile of a standard normal value, so a normal
    process that remembers makes a clearness that remembers (a Gaussian copula).

    Parameters
    ----------
    normal : array
        Standard normal values.
    mean : float
        Mean share, 0 < mean < 1 [-].
    deviation : float
        Its standard deviation, with deviation^2 < mean (1 - mean) [-].

    Returns
    -------
    array, the shape of `normal`
        Shares from 0, overcast, to 1, clear [-].
    """
    from scipy.special import betaincinv, ndtr

    both = mean * (1.0 - mean) / deviation**2 - 1.0
    shares: FloatArray = betaincinv(mean * both, (1.0 - mean) * both, ndtr(normal))
    return shares
