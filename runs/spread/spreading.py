"""Whether the rows of a run are held by this process or by workers, and what may be spread."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.schemes.registry import scheme, schemes

if TYPE_CHECKING:
    from hmesh.runs.spread.row_pool import RowPool
    from hmesh.runs.world.setting import Setting

type Scheduler = "str | RowPool | None"


@contextmanager
def rows_held_by(scheduler: Scheduler) -> "Iterator[RowPool | None]":
    """Yield who holds the rows of a run besides this process; None for nobody.

    Parameters
    ----------
    scheduler : str or RowPool, optional
        Address of the scheduler of a Dask cluster, or who holds them else.

    Raises
    ------
    InputError
        When the cluster cannot be used.
    """
    if not isinstance(scheduler, str):
        yield scheduler
        return
    from hmesh.runs.spread.dask_pool import DaskPool

    pool = DaskPool(scheduler)
    try:
        yield pool
    finally:
        pool.close()


def spread_problems(setting: "Setting") -> list[Problem]:
    """Return everything that keeps the rows of a run from being held elsewhere."""
    able = [name for name in setting.scenario.schemes if scheme(name).spread]
    if not able:
        named = ", ".join(name for name, each in schemes().items() if each.spread)
        message = "a run with --scheduler has nobody whose rows workers can hold"
        return [Problem("--scheduler", message, f"a scenario with {named}")]
    return [problem for name in able for problem in scheme(name).part("spread")(setting)]


def spread_over(setting: "Setting", pool: "RowPool") -> "Setting":
    """Return the setting of a run whose rows a pool holds.

    Raises
    ------
    InputError
        With everything that keeps its rows from being held elsewhere.
    """
    if problems := spread_problems(setting):
        raise InputError(problems)
    return replace(setting, spread=pool)
