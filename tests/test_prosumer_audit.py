import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hmesh.runs import TABLES
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.world import prosumers as world
from tests.prosumer_runs import prosumers, run_of, scenario_of
from tests.test_audit_tampering import edit, otherwise

COLUMNS = [
    (table, column.name) for table in ("prosumers", "prosumer_parts") for column in TABLES[table]
]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_changed_value_of_prosumers_fails(tmp_path: Path, table: str, column: str) -> None:
    directory = shutil.copytree(prosumers().directory, tmp_path / "run")
    values = [row[column] for row in pq.read_table(directory / f"{table}.parquet").to_pylist()]
    moving = [row for row, value in enumerate(values) if value] or list(range(len(values)))
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(directory, table, column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(directory).passed


def unshared(*given: Any) -> tuple[np.ndarray[Any, Any], ...]:
    return given[4], given[5]


def halved(*given: Any) -> tuple[np.ndarray[Any, Any], ...]:
    return given[4] / 2, given[5] / 2


FAULTS: dict[str, tuple[Callable[..., Any], str]] = {
    "stores answer whatever their connection": (unshared, "stores answer with the room"),
    "connections leave stores half of their room": (halved, "stores answer with the room"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_rule_of_connections_fails(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, check = FAULTS[fault]
    monkeypatch.setattr(world, "share_room", rule)
    report = audit_run(run_of(scenario_of()).directory)
    assert any(check in name for name in report.failed)


@pytest.mark.parametrize("recorded", ["none", "2"])
def test_connections_are_not_judged_where_not_all_homes_are_written_down(recorded: str) -> None:
    few = prosumers(f"record.homes={recorded}", f"record.houses={recorded}")
    report = audit_run(few.directory)
    assert report.passed
    (check,) = (each for each in report.checks if "the room of their connections" in each.name)
    assert "written down" in check.note


@pytest.mark.slow
@pytest.mark.parametrize("part", ["houses", "homes"])
def test_an_account_that_leaves_a_part_out_fails(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = world.Prosumers.pay_all

    def pay_all(self: world.Prosumers, paid: Any) -> None:
        entered(self, paid)
        self.parts[part] = {name: 0.0 * values for name, values in self.parts[part].items()}

    monkeypatch.setattr(world.Prosumers, "pay_all", pay_all)
    report = audit_run(run_of(scenario_of()).directory)
    assert "prosumers: parts trade as their schemes have it" in report.failed
