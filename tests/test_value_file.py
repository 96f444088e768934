from pathlib import Path

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.environment.value_file import read_values


def write(folder: Path, text: str) -> Path:
    path = folder / "values.csv"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, column: str = "lam", rows: int = 1, above: float = -np.inf) -> str:
    with pytest.raises(InputError) as caught:
        read_values(path, column, rows, above)
    return str(caught.value)


def test_a_column_is_read_in_the_order_of_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "vehicle,lam\na,50\nb, 61.5\n\nc,-3e1\n")
    np.testing.assert_array_equal(read_values(path, "lam"), [50.0, 61.5, -30.0])


def test_every_wrong_row_is_reported_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "lam\n50\nsixty\n\nnan\n0\n")
    reported = problems(path, rows=9, above=0.0)
    for part in ("line 3, column lam: 'sixty'", "line 5", "line 6", "above 0", "at least 9"):
        assert part in reported


def test_a_missing_column_or_file_is_reported_with_what_is_near(tmp_path: Path) -> None:
    path = write(tmp_path, "Lambda,x\n1,2\n")
    assert "'lambda' is missing" in problems(path, "lambda")
    assert "Lambda" in problems(path, "lambda")
    assert "values.csv" in problems(tmp_path / "value.csv")
    assert "is missing; there are none" in problems(write(tmp_path, ""))
