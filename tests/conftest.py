import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says more about a busy machine than about the code.
settings.register_profile("hmesh", deadline=None)
settings.load_profile("hmesh")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared specifications and data, which stays beside the project."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("HMESH_SHARED", beside))
    if not folder.is_dir():
        pytest.skip("the shared specifications and data are not here; HMESH_SHARED names them")
    return folder
