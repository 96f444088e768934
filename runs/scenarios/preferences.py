"""How the preferences of vehicles differ: the distributions from which they are drawn."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment import distributions
from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.value_file import read_values
from hmesh.runs.scenarios.base import (
    CsvFile,
    Efficiency,
    Interval,
    Money,
    NotNegative,
    Positive,
    Section,
    Share,
    ordered,
    refuse,
)

MOST_DEVIATIONS = 8.0


def _above(lower: str) -> Any:
    """Return the check that a bound is not below another one that was given before it."""

    def bound(cls: type, value: float | None, info: ValidationInfo) -> float | None:
        least = info.data.get(lower)
        if value is not None and least is not None and value < least:
            raise refuse(f"{value:g} is below {lower} {least:g}", allowed=f"{least:g} or more")
        return value

    return classmethod(bound)


class Constant(Section):
    """The same value for every vehicle."""

    distribution: Literal["constant"] = Field(description="name of the distribution")
    value: Money = Field(description="the value, in the unit of the quantity")

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return self.value

    @property
    def highest(self) -> float:
        """Highest value possible."""
        return self.value

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return np.full(len(u), self.value)


class Uniform(Section):
    """Every value between two bounds is equally likely."""

    distribution: Literal["uniform"] = Field(description="name of the distribution")
    low: Money = Field(description="lowest value, in the unit of the quantity")
    high: Money = Field(description="highest value, in the unit of the quantity")

    _ordered = check("high")(_above("low"))

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return self.low

    @property
    def highest(self) -> float:
        """Highest value possible."""
        return self.high

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.uniform(u, self.low, self.high)


class Normal(Section):
    """A normal distribution, cut off at bounds where they are given."""

    distribution: Literal["normal"] = Field(description="name of the distribution")
    mean: Money = Field(description="mean before it is cut, in the unit of the quantity")
    deviation: Positive = Field(
        description="standard deviation before it is cut, in the unit of the quantity"
    )
    low: Money | None = Field(default=None, description="lowest value left, or null")
    high: Money | None = Field(default=None, description="highest value left, or null")

    @check("low")
    @classmethod
    def _below_what_is_likely(cls, low: float | None, info: ValidationInfo) -> float | None:
        if low is not None and {"mean", "deviation"} <= info.data.keys():
            highest = info.data["mean"] + MOST_DEVIATIONS * info.data["deviation"]
            if low > highest:
                raise refuse(f"hardly anything lies above {low:g}", allowed=f"{highest:g} or less")
        return low

    @check("high")
    @classmethod
    def _above_what_is_likely(cls, high: float | None, info: ValidationInfo) -> float | None:
        low = info.data.get("low")
        if high is not None and low is not None and high <= low:
            raise refuse(f"nothing lies between low {low:g} and high {high:g}")
        if high is not None and {"mean", "deviation"} <= info.data.keys():
            lowest = info.data["mean"] - MOST_DEVIATIONS * info.data["deviation"]
            if high < lowest:
                raise refuse(f"hardly anything lies below {high:g}", allowed=f"{lowest:g} or more")
        return high

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return -np.inf if self.low is None else self.low

    @property
    def highest(self) -> float:
        """Highest value possible."""
        return np.inf if self.high is None else self.high

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.truncated_normal(
            u, self.mean, self.deviation, self.lowest, self.highest
        )


class Lognormal(Section):
    """A distribution above 0 whose logarithm is normal."""

    distribution: Literal["lognormal"] = Field(description="name of the distribution")
    mean: Positive = Field(description="mean of the values, in the unit of the quantity")
    deviation: Positive = Field(
        description="standard deviation of the values, in the unit of the quantity"
    )

    @property
    def lowest(self) -> float:
        """A bound that is above 0 and below every value worth the name."""
        return float(np.nextafter(0.0, 1.0))

    @property
    def highest(self) -> float:
        """Highest value possible, of which there is none."""
        return np.inf

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.lognormal(u, self.mean, self.deviation)


class Triangular(Section):
    """A density that rises evenly to its mode and falls evenly from it."""

    distribution: Literal["triangular"] = Field(description="name of the distribution")
    low: Money = Field(description="lowest value, in the unit of the quantity")
    mode: Money = Field(description="most likely value, in the unit of the quantity")
    high: Money = Field(description="highest value, in the unit of the quantity")

    _mode = check("mode")(_above("low"))
    _high = check("high")(_above("mode"))

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return self.low

    @property
    def highest(self) -> float:
        """Highest value possible."""
        return self.high

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.triangular(u, self.low, self.mode, self.high)


class FromFile(Section):
    """Values that stand in a file, vehicle after vehicle or drawn from all of them."""

    distribution: Literal["file"] = Field(description="name of the distribution")
    file: CsvFile = Field(description="CSV file, relative to the scenario's folder")
    column: str = Field(description="its column of values, in the unit of the quantity")
    drawn: bool = Field(
        default=False,
        description="true: each vehicle draws one of the rows; false: vehicle n has row n",
    )

    def read(self, path: Path, u: FloatArray, above: float, most: float = np.inf) -> FloatArray:
        """Return a value for each uniform draw.

        Raises
        ------
        InputError
            If the file has no such column, a row without a number above ``above`` and up to
            ``most``, or fewer rows than values where each vehicle has its own.
        """
        values = read_values(path, self.column, 1 if self.drawn else len(u), above, most)
        return distributions.drawn_from(u, values) if self.drawn else values[: len(u)]


Drawn = Constant | Uniform | Normal | Lognormal | Triangular
Distribution = (
    Annotated[Constant, Tag("constant")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Triangular, Tag("triangular")]
    | Annotated[FromFile, Tag("file")]
)
NAMES = ("constant", "uniform", "normal", "lognormal", "triangular", "file")


def _form(value: object) -> str:
    """Return in which of its forms a preference is given."""
    if isinstance(value, Mapping):
        return str(value.get("distribution"))
    if isinstance(value, list | tuple):
        return "interval"
    return str(getattr(value, "distribution", "number"))


def _known(value: object) -> object:
    """Refuse a section that names none of the distributions."""
    if isinstance(value, Mapping) and value.get("distribution") not in NAMES:
        name = value.get("distribution")
        raise refuse(
            f"there is no distribution {name!r}" if name else "no distribution is named",
            place="distribution",
            allowed=", ".join(NAMES),
            suggestion=nearest(str(name), NAMES),
        )
    return value


def lowest_of(preference: Any) -> float:
    """Return the lowest value of a preference, NaN where it stands in a file."""
    if isinstance(preference, tuple):
        return float(preference[0])
    return float(getattr(preference, "lowest", preference if _is_number(preference) else np.nan))


def highest_of(preference: Any) -> float:
    """Return the highest value of a preference, NaN where it stands in a file."""
    if isinstance(preference, tuple):
        return float(preference[1])
    return float(getattr(preference, "highest", preference if _is_number(preference) else np.nan))


def _is_number(preference: Any) -> bool:
    return isinstance(preference, float | int)


def _positive(value: Any) -> Any:
    """Refuse values that may be 0 or below."""
    _bounded_below(value, lowest_of(value) <= 0, "above 0")
    return value


def _not_negative(value: Any) -> Any:
    """Refuse values that may be below 0."""
    _bounded_below(value, lowest_of(value) < 0, "of at least 0")
    return value


def _share(value: Any) -> Any:
    """Refuse values that may be below 0 or above 1."""
    _not_negative(value)
    highest = highest_of(value)
    if highest > 1:
        shown = "without bound" if highest == np.inf else f"{highest:g}"
        raise refuse(f"the highest value is {shown}", allowed="a highest value of at most 1")
    return value


def _efficiency(value: Any) -> Any:
    """Refuse values that may not be above 0 and up to 1."""
    return _share(_positive(value))


def _bounded_below(value: Any, wrong: bool, allowed: str) -> None:
    if wrong:
        lowest = lowest_of(value)
        shown = "without bound" if lowest == -np.inf else f"{lowest:g}"
        raise refuse(f"the lowest value is {shown}", allowed=f"a lowest value {allowed}")


_Ordered = Annotated[Interval, AfterValidator(ordered)]
Preference = Annotated[
    Annotated[_Ordered, Tag("interval")] | Annotated[Money, Tag("number")] | Distribution,
    Discriminator(_form),
    BeforeValidator(_known),
]
PositivePreference = Annotated[
    Annotated[_Ordered, Tag("interval")] | Annotated[Positive, Tag("number")] | Distribution,
    Discriminator(_form),
    BeforeValidator(_known),
    AfterValidator(_positive),
]
NotNegativePreference = Annotated[
    Annotated[_Ordered, Tag("interval")] | Annotated[NotNegative, Tag("number")] | Distribution,
    Discriminator(_form),
    BeforeValidator(_known),
    AfterValidator(_not_negative),
]
SharePreference = Annotated[
    Annotated[_Ordered, Tag("interval")] | Annotated[Share, Tag("number")] | Distribution,
    Discriminator(_form),
    BeforeValidator(_known),
    AfterValidator(_share),
]
EfficiencyPreference = Annotated[
    Annotated[_Ordered, Tag("interval")] | Annotated[Efficiency, Tag("number")] | Distribution,
    Discriminator(_form),
    BeforeValidator(_known),
    AfterValidator(_efficiency),
]


def preference_values(preference: float | tuple[float, float] | Drawn, u: FloatArray) -> FloatArray:
    """Return a value for each uniform draw; a pair of bounds is a uniform distribution."""
    if isinstance(preference, tuple):
        return distributions.uniform(u, *preference)
    if isinstance(preference, float):
        return np.full(len(u), preference)
    return preference.values(u)


def file_problems(
    scenario: Any, given: Iterable[tuple[Any, float, int] | tuple[Any, float, int, float]]
) -> Iterator[Problem]:
    """Return what is wrong with the files of some preferences.

    Parameters
    ----------
    scenario : object
        Says where files lie.
    given : iterable of (object, float, int) or (object, float, int, float)
        Each a preference, what its values must be above, for how many it is, and the most that
        they may be where there is such a bound.
    """
    for preference, above, count, *most in given:
        if isinstance(preference, FromFile):
            try:
                rows = 1 if preference.drawn else count
                read_values(
                    scenario.path_of(preference.file), preference.column, rows, above, *most
                )
            except InputError as error:
                yield from error.problems
