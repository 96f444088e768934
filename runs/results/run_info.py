"""What run.json says, read so that nothing damaged or forged goes unnoticed."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hmesh.environment.errors import InputError, Problem, shortened
from hmesh.environment.number_words import counted
from hmesh.environment.safe_files import read_json
from hmesh.runs.results.contract import refuse_other_schema
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.yaml_reader import place

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits")]
_FileName = Annotated[str, Field(pattern=r"^[a-z_]+\.(parquet|json)$")]
# Sums, and for the parts of a calendar totals as those of the whole run.
type _Figure = float | dict[str, _Figure] | None
_Versions = dict[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Files(_Part):
    """The files that a scenario names."""

    folder: str
    sha256: dict[str, _Digest]


class _Plugin(_Part):
    """A plugin that a run used."""

    path: str
    sha256: _Digest


class _Scenario(_Part):
    """What of a scenario is read before all of it is; `Scenario` checks the rest."""

    name: str
    strategies: Annotated[list[str], Field(min_length=1)]
    communities: dict[str, Any] = Field(default_factory=dict)
    plots: bool
    files: _Files | None = None
    plugins: dict[str, _Plugin] = Field(default_factory=dict)


class RunInfo(_Part):
    """What run.json says; later versions may add keys."""

    status: Literal["complete", "interrupted"]
    steps_done: Annotated[int, Field(ge=0)]
    steps_total: Annotated[int, Field(ge=1)]
    wall_seconds: Annotated[float, Field(ge=0)]
    start: str
    step_h: Annotated[float, Field(gt=0)]
    time_zone: str
    currency: str
    seed: Annotated[int, Field(ge=0)]
    scenario: _Scenario
    scenario_sha256: _Digest
    versions: _Versions
    resumed_with: Annotated[list[_Versions], Field(min_length=1)] | None = None
    changed_plugins: dict[str, list[_Digest]] | None = None
    sha256: dict[_FileName, _Digest] | None = None

    @model_validator(mode="after")
    def _steps(self) -> Self:
        if self.steps_done > self.steps_total:
            raise _wrong(
                "steps_done",
                f"{counted(self.steps_done, 'step is', 'steps are')} done",
                f"0 to {self.steps_total:,}",
            )
        if self.status == "complete" and self.steps_done < self.steps_total:
            message = f"the run is complete with {counted(self.steps_done, 'step')}"
            raise _wrong("steps_done", message, f"{self.steps_total:,}")
        if self.status == "complete" and self.sha256 is None:
            raise _wrong("sha256", "is missing", "the digest of every file of a complete run")
        return self


class _Messages(_Part):
    sent: int
    lost: int
    late: int


class _Kind(_Part):
    balance: float
    stored_change_kwh: float = 0.0
    stored_value: float = 0.0


class _Spread(_Part):
    count: int
    gini_bills: float | None
    gini_savings: float | None
    worse_off: float | None


class _Members(_Spread):
    kinds: dict[str, _Spread]


class _Accounts(_Part):
    """Who gains and who pays."""

    parties: dict[str, float]
    kinds: dict[str, _Kind]
    communities: dict[str, dict[str, float]]
    stored_price: float
    members: _Members | None = None


class _Totals(_Part):
    """The outcome of every strategy; each scheme adds its own numbers."""

    peak_kw: float | None
    peak_step: int
    mean_kw: float
    par: float | None
    counts: dict[str, int]
    worst: dict[str, float]
    overloaded_steps: dict[str, int]
    messages: dict[str, _Messages]
    money_imbalance: float
    accounts: _Accounts | None = None
    __pydantic_extra__: dict[str, _Figure] = Field(init=False)


def check_totals(path: Path, strategy: str, totals: Any) -> None:
    """Refuse totals of a strategy, as summary.json holds them, that no run writes.

    Raises
    ------
    InputError
        Every wrong key is named.
    """
    try:
        _Totals.model_validate(totals)
    except ValidationError as error:
        problems = problems_of(error, _Totals, lambda keys: place(str(path), (strategy, *keys)))
        raise InputError(shortened(problems)) from None


def read_info(path: Path) -> dict[str, Any]:
    """Read run.json.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        What it says.

    Raises
    ------
    InputError
        When it cannot be read, is of another schema, or holds what no run writes: every key.
    """
    info = read_json(path)
    refuse_other_schema(str(path), info)
    try:
        RunInfo.model_validate(info)
    except ValidationError as error:
        raise InputError(problems_of(error, RunInfo, lambda keys: place(str(path), keys))) from None
    return info


def _wrong(key: str, message: str, allowed: str) -> InputError:
    return InputError([Problem(key, message, allowed)])
