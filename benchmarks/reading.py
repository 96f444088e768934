"""Time the reading of measured loads: a year of a thousand members as a dataset and as one table.

``--smoke`` reads two weeks of ten members, ``--json FILE`` writes the figures.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import yaml
from report import write_figures

from hmesh.environment import Calendar, read_loads
from hmesh.runs.world.dataset_files import check_dataset


def write_year(folder: Path, hours: int, members: int) -> Path:
    """Write loads of some members, hour by hour, with the description of a dataset."""
    start = np.datetime64("2023-01-01", "us")
    table = {
        "time": np.repeat(start + np.arange(hours) * np.timedelta64(1, "h"), members),
        "member": pa.DictionaryArray.from_arrays(
            np.tile(np.arange(members, dtype=np.int32), hours), [f"m{n}" for n in range(members)]
        ),
        "load_kwh": np.random.default_rng(1).uniform(0.1, 3.0, hours * members),
    }
    path = folder / "profiles.parquet"
    parquet.write_table(pa.table(table), path, compression="none")
    end = str((start + hours * np.timedelta64(1, "h")).astype("datetime64[m]"))
    description = {
        "schema": 1, "name": "year", "licence": "CC0", "time_zone": "UTC", "clock": "utc",
        "start": "2023-01-01T00:00", "end": end, "resolution": 60, "labels": "start",
        "currency": "EUR", "tables": {"profiles": path.name},
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(description), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="two weeks of ten members")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    wanted = parser.parse_args()
    hours, members = (14 * 24, 10) if wanted.smoke else (8760, 1000)
    figures: dict[str, float] = {"hours": hours, "members": members}
    with tempfile.TemporaryDirectory() as name:
        path = write_year(Path(name), hours, members)
        for what, read in (
            ("dataset_checked_s", lambda: check_dataset(Path(name))),
            ("loads_read_s", lambda: read_loads(path, Calendar("2023-01-01", "UTC"), hours)),
        ):
            began = time.process_time()
            read()
            figures[what] = time.process_time() - began
            print(f"{what}: {figures[what]:.2f} of a processor")
    write_figures(wanted.json, figures)


if __name__ == "__main__":
    main()
