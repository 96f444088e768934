"""The standard deviation of a load, followed step by step."""

from dataclasses import asdict, dataclass, field
from math import sqrt
from typing import Any


@dataclass(slots=True)
class RunningMoments:
    """Number, mean and sum of squared deviations of the values so far."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Add a value."""
        self.count += 1
        off = value - self.mean
        self.mean += off / self.count
        self.squares += off * (value - self.mean)

    @property
    def variance(self) -> float:
        """Variance of the values; 0 before there are any."""
        return self.squares / self.count if self.count else 0.0


@dataclass(slots=True)
class RunningDeviation:
    """The three standard deviations of a load that `hmesh.markets.load_deviation` distinguishes.

    Days that the run does not cover from the first to the last step count as they are.
    """

    all: RunningMoments = field(default_factory=RunningMoments)
    today: RunningMoments = field(default_factory=RunningMoments)
    days: int = 0
    deviations: float = 0.0
    variances: float = 0.0

    def add(self, load_kwh: float, *, ends_day: bool) -> None:
        """Add the load of a step, which may be the last of its day."""
        self.all.add(load_kwh)
        self.today.add(load_kwh)
        if ends_day:
            self.days += 1
            self.deviations += sqrt(self.today.variance)
            self.variances += self.today.variance
            self.today = RunningMoments()

    def summary(self) -> dict[str, float | None]:
        """Return the deviations [kWh]; None for those of days before a day has ended."""
        days = self.days
        return {
            "load_deviation_kwh": sqrt(self.all.variance),
            "load_deviation_daily_mean_kwh": self.deviations / days if days else None,
            "load_deviation_daily_rms_kwh": sqrt(self.variances / days) if days else None,
        }

    def state(self) -> dict[str, Any]:
        """Return all that `restored` needs, fit for JSON."""
        return asdict(self)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "RunningDeviation":
        """Return deviations that go on from an earlier `state`."""
        moments = {name: RunningMoments(**state[name]) for name in ("all", "today")}
        return cls(**{**state, **moments})
