"""The keys of each behaviour that vehicles have without a plugin."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest
from hmesh.runs.plugins.registered import BEHAVIOURS, REGISTER
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Money,
    NotNegative,
    Positive,
    Section,
    Share,
    existing,
    refuse,
)
from hmesh.runs.scenarios.behaviour_section import refuse_undeclared
from hmesh.runs.scenarios.membership_keys import Membership
from hmesh.runs.scenarios.preferences import (
    FromFile,
    NotNegativePreference,
    Preference,
    SharePreference,
    highest_of,
    lowest_of,
)

BEST_RESPONSE = "best_response"
Thresholds = Annotated[tuple[Money | None, ...], AS_TUPLE, Field(min_length=1, max_length=50)]
_Network = Literal["small_world", "scale_free", "community", "given"]


class BehaviourKeys(Section):
    """The name of a behaviour, and its keys."""

    # Keys that are drawn for each vehicle, and are columns of it.
    drawn: ClassVar[tuple[str, ...]] = ()

    name: str = Field(description="name of the behaviour")

    @property
    def expects_prices(self) -> bool:
        """Whether vehicles plan on the price that they expect."""
        return False

    @property
    def files(self) -> list[str]:
        """The files that it names."""
        given = (getattr(self, key) for key in self.drawn)
        return [each.file for each in given if isinstance(each, FromFile)]


class OfPlugin(BehaviourKeys):
    """A behaviour that a plugin registered."""

    columns: dict[str, float | bool] = Field(
        default={}, description="values of columns that the behaviour declares, by name"
    )

    @check("columns")
    @classmethod
    def _declared(cls, columns: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if info.data.get("name") in BEHAVIOURS:
            refuse_undeclared(columns, info.data["name"])
        return columns


class Typical(BehaviourKeys):
    """Charges until full once its night at home has begun, whatever the price."""

    name: Literal["typical"] = Field(description="name of the behaviour")


class Threshold(BehaviourKeys):
    """Charges at full power up to a price, and sells at full power above another."""

    drawn = ("charge_below", "sell_above")

    name: Literal["threshold"] = Field(description="name of the behaviour")
    charge_below: Preference = Field(description="price up to which it charges [money/kWh]")
    sell_above: Preference | None = Field(
        default=None, description="price above which it sells [money/kWh], or null: it never does"
    )
    at_home: bool = Field(default=False, description="only in its night at home")

    @check("sell_above")
    @classmethod
    def _above_charging(cls, sell_above: Any, info: ValidationInfo) -> Any:
        if sell_above is not None and "charge_below" in info.data:
            highest, lowest = highest_of(info.data["charge_below"]), lowest_of(sell_above)
            if lowest < highest:
                message = f"{lowest:g} is below charge_below {highest:g}"
                raise refuse(message, allowed=f"{highest:g} or more, or null")
        return sell_above


class Habit(BehaviourKeys):
    """Does what it did at that time of day before, and only now and then looks at the price."""

    drawn = ("attention",)

    name: Literal["habit"] = Field(description="name of the behaviour")
    attention: SharePreference = Field(
        default=0.1, description="probability with which it best-responds instead [-]"
    )
    day_slots: Annotated[int, Field(ge=1, le=96)] = Field(
        default=24, description="how many times of day it distinguishes"
    )


class Foresight(BehaviourKeys):
    """Plans its next hours at the prices of `expected_price`, answers by what energy is worth."""

    name: Literal["foresight"] = Field(description="name of the behaviour")
    horizon_h: Annotated[float, Field(gt=0, le=168)] = Field(
        default=12.0, description="how far it plans, the present step included [h]"
    )
    levels: Annotated[int, Field(ge=2, le=200)] = Field(
        default=9, description="how many energies its plan looks at, from empty to full"
    )

    @property
    def expects_prices(self) -> bool:
        """Whether vehicles plan on the price that they expect."""
        return True


class ThresholdsToChoose(BehaviourKeys):
    """What all behaviours share that choose one of several thresholds."""

    thresholds: Thresholds = Field(
        description="prices up to which it may charge [money/kWh], null: at any price"
    )
    sell_margin: NotNegative | None = Field(
        default=None,
        description="how far above its threshold it sells [money/kWh], or null: it never does",
    )
    at_home: bool = Field(default=False, description="only in its night at home")


class RegretMatching(ThresholdsToChoose):
    """Plays thresholds by its regret of not having played others (Hart and Mas-Colell 2000)."""

    name: Literal["regret_matching"] = Field(description="name of the behaviour")
    regret: Literal["unconditional", "conditional"] = Field(
        default="unconditional",
        description="over all steps, or over those in which it played its last threshold",
    )
    inertia: Annotated[float, Field(ge=2, le=1e6)] = Field(
        default=2.0,
        description="how rarely it leaves its last threshold by conditional regrets, from 2 [-]",
    )


class QLearning(ThresholdsToChoose):
    """Learns what each threshold is worth by hour and state of charge (Watkins)."""

    name: Literal["q_learning"] = Field(description="name of the behaviour")
    rate: Share = Field(default=0.1, description="part of what is new that it learns [-]")
    discount: Share = Field(default=0.9, description="what counts a play later [-]")
    exploration: Share = Field(
        default=0.2, description="probability with which its first plays are any threshold [-]"
    )
    decay: NotNegative = Field(
        default=0.01, description="fall of that: exploration / (1 + decay * plays) [-]"
    )
    hours_apart: Annotated[int, Field(ge=1, le=24)] = Field(
        default=24, description="how many parts of the day it distinguishes"
    )
    bands: Annotated[int, Field(ge=1, le=20)] = Field(
        default=3, description="how many bands of the state of charge it distinguishes"
    )


class SocialNetworkKeys(Section):
    """Whom vehicles know that imitate."""

    kind: _Network = Field(
        default="small_world",
        description="Watts and Strogatz, Barabasi and Albert, all that start in the same "
        "community, or given in a file",
    )
    neighbours: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = Field(
        default=6, description="mean number of neighbours, an even one"
    )
    rewired: Share = Field(
        default=0.1, description="share of the edges of a small world that lead elsewhere [-]"
    )
    file: str | None = Field(
        default=None,
        description="CSV file with the columns one and other, numbers of the vehicles that have "
        "the behaviour from 0; for given alone",
    )

    @check("file")
    @classmethod
    def _existing(cls, file: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("kind")
        if file is None and kind == "given":
            raise refuse("is missing", allowed="a CSV file with the columns one and other")
        if file is not None and kind not in ("given", None):
            raise refuse(f"a network of kind {kind} stands in no file", allowed="null")
        return None if file is None else existing(file, info, (".csv",))


class Imitate(ThresholdsToChoose):
    """Adopts the threshold of acquaintances that do better (Santos, Traulsen and Pacheco)."""

    name: Literal["imitate"] = Field(description="name of the behaviour")
    network: SocialNetworkKeys = Field(
        default=SocialNetworkKeys(), validate_default=True, description="whom it knows"
    )
    compared: Annotated[int, Field(ge=1, le=20)] = Field(
        default=1, description="of how many acquaintances, drawn each time, it takes the best"
    )
    compare_every_h: Positive = Field(
        default=24.0, description="time after which it compares again [h]"
    )
    selection: NotNegative | None = Field(
        default=1.0,
        description="strength of selection of the Fermi rule [1/money], or null: the better one",
    )
    error: Share = Field(
        default=0.0, description="probability of taking up any threshold as it compares [-]"
    )

    @property
    def strength(self) -> float:
        """The strength of selection, infinite where the better one is always followed."""
        return float("inf") if self.selection is None else self.selection

    @property
    def files(self) -> list[str]:
        """The file of its network."""
        return [] if self.network.file is None else [self.network.file]


class Misreport(BehaviourKeys):
    """Best-responds as if the first kWh were worth a multiple of what it is to it."""

    drawn = ("factor",)

    name: Literal["misreport"] = Field(description="name of the behaviour")
    factor: NotNegativePreference = Field(description="multiple of lam that it claims [-]")


class JoinAndLeave(Membership, BehaviourKeys):
    """Best-responds while it is a member of its aggregator, and else charges as it comes home."""

    name: Literal["join_and_leave"] = Field(description="name of the behaviour")


KEYS: dict[str, type[BehaviourKeys]] = {
    "typical": Typical,
    "threshold": Threshold,
    "habit": Habit,
    "foresight": Foresight,
    "regret_matching": RegretMatching,
    "q_learning": QLearning,
    "imitate": Imitate,
    "misreport": Misreport,
    "join_and_leave": JoinAndLeave,
}


def unknown_behaviour(name: str) -> Iterator[Problem]:
    """Yield a problem where no vehicles have a behaviour of a name."""
    if name not in BEHAVIOURS:
        known = (BEST_RESPONSE, *BEHAVIOURS)
        hint = REGISTER.format(decorator="behaviour")
        message, allowed = f"there is no behaviour {name!r}", f"{', '.join(known)}; {hint}"
        yield Problem("behaviour", message, allowed, nearest(name, known))
    elif BEHAVIOURS[name].scheme != "vehicles":
        message = f"{name!r} is a behaviour of agents of {BEHAVIOURS[name].scheme}"
        yield Problem("behaviour", message, "a behaviour of vehicles")


def _form(value: object) -> str:
    """Return which keys a behaviour has."""
    if value is None:
        return "none"
    name = value.get("name") if isinstance(value, Mapping) else getattr(value, "name", "")
    return str(name) if name in KEYS else "plugin"


def _named(value: object) -> object:
    """Return a behaviour with its name, given by that alone or with keys."""
    if isinstance(value, Mapping) and value.get("name") is None:
        raise refuse("is missing", place="name", allowed=", ".join(KEYS))
    return _in_full(value) if isinstance(value, str) else value


def _in_full(name: str) -> dict[str, str] | None:
    """Return a behaviour that is given by its name alone; None for the best response."""
    if name == BEST_RESPONSE:
        return None
    fields = KEYS.get(name, OfPlugin).model_fields
    missing = [key for key, each in fields.items() if each.is_required() and key != "name"]
    if missing:
        needed = ", ".join(f"{key}: ..." for key in missing)
        raise refuse(f"{name} needs more keys", allowed=f"{{name: {name}, {needed}}}")
    return {"name": name}


Behaving = Annotated[
    Annotated[None, Tag("none")]
    | Annotated[Typical, Tag("typical")]
    | Annotated[Threshold, Tag("threshold")]
    | Annotated[Habit, Tag("habit")]
    | Annotated[Foresight, Tag("foresight")]
    | Annotated[RegretMatching, Tag("regret_matching")]
    | Annotated[QLearning, Tag("q_learning")]
    | Annotated[Imitate, Tag("imitate")]
    | Annotated[Misreport, Tag("misreport")]
    | Annotated[JoinAndLeave, Tag("join_and_leave")]
    | Annotated[OfPlugin, Tag("plugin")],
    Discriminator(_form),
    BeforeValidator(_named),
]
