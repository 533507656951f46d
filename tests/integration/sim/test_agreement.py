"""A difference between contracts and specification turns the verdict red."""

from tests.integration.sim.conftest import CRASH, small

from peersettle.sim import replay
from peersettle.sim.prices import march_2020
from peersettle.sim.scenario import to_time
from peersettle.spec import sales


def test_a_specification_that_pays_bidders_more_is_found_out(monkeypatch):
    monkeypatch.setattr(sales, "LAST_RATE", sales.LAST_RATE * 11 // 10)
    result = replay.run(small(), march_2020(), engine="chain", first=to_time(CRASH[0]), last=to_time(CRASH[1]))
    agreement = result["verdicts"][-1]
    assert result["summary"]["sales"] > 0
    assert not result["holds"]
    assert agreement["violations"] > 0
    assert "the specification has" in agreement["examples"][0]
