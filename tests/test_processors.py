"""Every built-in scenario amounts to the same with the code that libraries keep for other
processors.

NumPy and OpenBLAS carry code for several generations of processors and take the newest that runs;
so does the C library. Here each scenario is run as it is, and again with the oldest code of each.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from tests.processor_runs import SMALL, code_chosen

ROOT = Path(__file__).resolve().parents[1]
# Of the largest value of a column or a figure; results are promised to agree to this.
AGREE = 1e-9
CHOOSING = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "OPENBLAS_CORETYPE",
            "OPENBLAS_VERBOSE", "GLIBC_TUNABLES")  # fmt: skip
OLDEST = {"x86_64": "Prescott", "aarch64": "ARMV8"}
# The scenario in which every scheme takes part; the slow test runs all of them.
ONE = ("one-city",)
LIBM = "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4"


def environment(*, oldest: bool) -> dict[str, str]:
    """Return the variables of a run, whatever this shell has chosen itself."""
    env = {name: value for name, value in os.environ.items() if name not in CHOOSING}
    env["PYTHONPATH"] = str(ROOT)
    if oldest:
        machine = platform.machine()
        # NumPy warns of what the processor has not, so that only what it has may be named.
        env["NPY_DISABLE_CPU_FEATURES"] = " ".join(code_chosen()["numpy"])
        env["OPENBLAS_CORETYPE"] = OLDEST.get(machine, "")
        env["GLIBC_TUNABLES"] = LIBM if machine == "x86_64" else ""
    return env


def both(folder: Path, *words: str) -> tuple[Path, Path]:
    """Run scenarios with the newest and with the oldest code."""
    for name, oldest in (("newest", False), ("oldest", True)):
        command = [sys.executable, "-m", "tests.processor_runs", str(folder / name), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(oldest=oldest), cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    return folder / "newest", folder / "oldest"


def differences(one: Any, other: Any, where: str) -> Iterator[str]:
    """State what differs between two results: floats beyond what is promised, all else at all."""
    if isinstance(one, float) and isinstance(other, float):
        if abs(one - other) > AGREE * max(abs(one), 1.0):
            yield f"{where}: {one!r} and {other!r}"
    elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif one != other:
        yield f"{where}: {one!r} and {other!r}"


def of_tables(one: Path, other: Path) -> Iterator[str]:
    """State what differs between the tables of two runs: rows, texts, counts and values."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*.parquet"))
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*.parquet"))
    assert names
    for name in names:
        tables = parquet.read_table(one / name), parquet.read_table(other / name)
        if tables[0].schema != tables[1].schema or tables[0].num_rows != tables[1].num_rows:
            yield f"{one.name}/{name}: {tables[0].shape} and {tables[1].shape}"
            continue
        for column in tables[0].column_names:
            here, there = (table.column(column).combine_chunks() for table in tables)
            if str(here.type) != "double":
                if not here.equals(there):
                    yield f"{one.name}/{name}: {column}"
                continue
            values, others = (each.to_numpy(zero_copy_only=False) for each in (here, there))
            scale = max(1.0, float(np.nanmax(np.abs(values), initial=0.0)))
            if not np.allclose(values, others, rtol=0.0, atol=AGREE * scale, equal_nan=True):
                yield f"{one.name}/{name}: {column} by {np.nanmax(np.abs(values - others))}"


def check_same(newest: Path, oldest: Path, names: Iterable[str]) -> None:
    """Compare two folders of runs."""
    found = []
    for name in names:
        texts, summaries = (
            [json.loads(path.read_text(encoding="utf-8")) for path in pair]
            for pair in (
                (newest / f"{name}.json", oldest / f"{name}.json"),
                (newest / name / "summary.json", oldest / name / "summary.json"),
            )
        )
        found += list(differences(*texts, f"{name}: texts"))
        found += list(differences(*summaries, f"{name}: summary"))
        found += list(of_tables(newest / name, oldest / name))
    assert found == []


def test_results_and_sentences_are_those_of_any_processor(tmp_path: Path) -> None:
    newest, oldest = both(tmp_path, *ONE)
    code = [json.loads((folder / "code.json").read_text()) for folder in (newest, oldest)]
    if platform.machine() in OLDEST:
        assert code[1]["numpy"] == []
        assert code[1]["openblas"] != code[0]["openblas"]
    check_same(newest, oldest, ONE)


@pytest.mark.slow
def test_pictures_and_all_strategies_too(tmp_path: Path) -> None:
    check_same(*both(tmp_path, "--drawn"), SMALL)


def test_a_difference_is_found() -> None:
    one = {"peak_step": 3, "peak_kw": 5.0, "text": "a", "of": [1.0]}
    assert list(differences(one, dict(one), "run")) == []
    assert list(differences(one, one | {"peak_kw": 5.0 + 1e-12}, "run")) == []
    for name, value in {"peak_step": 4, "peak_kw": 5.001, "text": "b", "of": []}.items():
        (line,) = differences(one, one | {name: value}, "run")
        assert line.startswith(f"run.{name}: ")
    assert list(differences(one, {}, "run"))
