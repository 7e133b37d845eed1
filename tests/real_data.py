"""The folder of real data sets, which stays outside the repository. Tests that need it are marked `real_data`."""

import os
from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_data(name: str) -> Path:
    folder = Path(os.environ.get("EVALSITE_REAL_DATA") or BESIDE_THE_CHECKOUT) / name
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (EVALSITE_REAL_DATA)")
    return folder
