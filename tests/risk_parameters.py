"""The usual risk parameters of tests: those of the demo's market."""

from typing import Any

from peersettle.cli import demo_margin
from peersettle.risk.parameters import RiskParameters


def usual(**changes: Any) -> RiskParameters:
    """With these changes, as people write them: `usual(scan="18")`."""
    return RiskParameters.from_percentages(**{**demo_margin.PARAMETERS.to_percentages(), **changes})
