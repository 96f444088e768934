"""What was decided in a step."""

from dataclasses import dataclass, field

from hmesh.environment.arrays import FloatArray

# By the name of the scheme, or of the elastic loads, and by community.
type Exchange = dict[str, list[FloatArray]]


@dataclass(slots=True)
class Decision:
    """What was decided in a step.

    Attributes
    ----------
    utility_price : float
        What the utility asks [money/kWh].
    community_price : array, shape (communities,)
        What every community pays, NaN where it is without supply [money/kWh].
    exchange_kwh : Exchange
        What everyone exchanges that answers to a price, by group and community [kWh].
    counts : dict
        How often something happened that a reader should know of.
    worst : dict
        Largest value of something that should be small.
    unlimited_price : array, shape (communities,), or None
        What every community would pay if no line had a limit, as `congestion` defines it; None
        where no limit has raised or lowered a price [money/kWh].
    """

    utility_price: float
    community_price: FloatArray
    exchange_kwh: Exchange
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    unlimited_price: FloatArray | None = None
