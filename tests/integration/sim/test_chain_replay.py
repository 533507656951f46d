"""A short replay by the contracts themselves, beside their specification."""

from copy import deepcopy

from peersettle.sim.report import html


def comparable(result):
    """What both engines must say alike: all but how long it took, and what only a chain knows."""
    found = deepcopy(result)
    for name in ("engine", "seconds", "gas_by_call"):
        del found[name]
    found["verdicts"] = [one for one in found["verdicts"] if one["name"] != "specification and contracts agree"]
    return found


def test_every_verdict_is_green_on_the_chain(both):
    _, chain = both
    assert chain["holds"], [one for one in chain["verdicts"] if not one["holds"]]
    agreement = chain["verdicts"][-1]
    assert agreement["name"] == "specification and contracts agree"
    assert agreement["checks"] > 800


def test_the_fast_engine_says_the_same(both):
    fast, chain = both
    assert comparable(fast) == comparable(chain)


def test_something_happened(both):
    fast, _ = both
    assert fast["summary"]["sales"] or fast["expiries"]


def test_the_report_of_a_chain_run_says_what_was_compared(both):
    _, chain = both
    page = html(chain)
    assert "specification and contracts agree" in page
    assert "contracts on a chain in this process" in page
