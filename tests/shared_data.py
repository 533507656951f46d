"""Where the market data for tests are. They are no part of the project: a test that needs them is skipped without."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """The file `name` of the market data, as `prices/BTC_perp_1m_2020-03-13.csv`; skips the test where it is not."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the market data are not there: no shared/data/{name} beside the project")
    return path
