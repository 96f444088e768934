"""What every benchmark states beside its own figures: on which machine, and in which file."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def machine() -> dict[str, Any]:
    """Return what a reader of the figures must know of the machine."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def write_figures(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write the figures and the machine they were measured on, where a file is named."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), **figures}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
