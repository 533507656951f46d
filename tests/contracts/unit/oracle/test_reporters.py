"""The set of reporters: who may replace it, how long that takes, and what a set must be."""

import boa
import pytest
from boa import BoaError
from tests.contracts.differential.oracle_world import DELAY, KEYS, anybody, deployed, steward
from tests.contracts.unit.oracle.scene import ETH, PRICE

from peersettle.reports import ReporterSet
from peersettle.spec.oracle_events import ProposalWithdrawn, ReportersActivated, ReportersProposed

NEXT = ReporterSet.of(5, [one.address for one in KEYS[5:12]])
ANOTHER = ReporterSet.of(3, [one.address for one in KEYS[:4]])


def propose(oracle, reporters=NEXT, sender=steward.address):
    return oracle.do("propose_reporters", reporters.threshold, list(reporters.members), sender=sender)


def activate(oracle, reporters=NEXT):
    return oracle.do("activate_reporters", reporters.threshold, list(reporters.members))


def test_the_first_set_is_epoch_zero(oracle):
    epoch, threshold, commitment, count = oracle.view("reporter_set").output
    assert (epoch, threshold, count) == (0, 3, 5)
    assert int.from_bytes(commitment, "big") == oracle.state.reporters.commitment >> 16 << 16
    assert oracle.oracle.steward() == steward.address
    assert oracle.oracle.delay() == DELAY


def test_a_proposal_waits_out_the_delay(oracle):
    assert propose(oracle).events == (ReportersProposed(1, NEXT, oracle.now + DELAY),)
    assert oracle.view("proposal").output == ((NEXT.commitment, oracle.now + DELAY),)
    assert activate(oracle).reason == "delay"
    oracle.warp(DELAY - 1)
    assert activate(oracle).reason == "delay"
    oracle.warp(1)
    assert activate(oracle).events == (ReportersActivated(1, NEXT),)
    assert oracle.view("reporter_set").output[:2] == (1, 5)
    assert oracle.view("proposal").output == ((0, 0),)


def test_until_then_the_old_set_reports_and_afterwards_only_the_new(oracle):
    propose(oracle)
    oracle.warp(DELAY)
    old = oracle.round(ETH, oracle.now, PRICE)
    assert oracle.do("update", *old).done
    oracle.warp(15)
    old = oracle.round(ETH, oracle.now, PRICE, oracle.members)
    activate(oracle)
    assert oracle.do("update", *old).reason == "reporters"
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE)).done


def test_a_set_is_activated_once(oracle):
    propose(oracle)
    oracle.warp(DELAY)
    activate(oracle)
    assert activate(oracle).reason == "proposal"


def test_only_the_steward_proposes_and_withdraws(oracle):
    assert propose(oracle, sender=anybody.address).reason == "steward"
    assert oracle.do("withdraw_proposal").reason == "steward"


def test_a_withdrawn_proposal_is_gone(oracle):
    propose(oracle)
    assert oracle.do("withdraw_proposal", sender=steward.address).events == (ProposalWithdrawn(1),)
    oracle.warp(DELAY)
    assert activate(oracle).reason == "proposal"


def test_a_new_proposal_replaces_the_old_and_waits_anew(oracle):
    propose(oracle)
    oracle.warp(DELAY)
    propose(oracle, ANOTHER)
    assert activate(oracle).reason == "proposal"
    assert activate(oracle, ANOTHER).reason == "delay"


def test_exactly_what_was_proposed_is_activated(oracle):
    propose(oracle)
    oracle.warp(DELAY)
    assert oracle.do("activate_reporters", 4, list(NEXT.members)).reason == "proposal"
    assert activate(oracle, ANOTHER).reason == "proposal"
    assert activate(oracle).done


@pytest.mark.parametrize(
    ("threshold", "count", "reason"),
    [
        (2, 7, "quorum"),
        (0, 7, "quorum"),
        (3, 3, "quorum"),
        (3, 4, None),
        (4, 4, "quorum"),
        (4, 5, None),
        (5, 6, "quorum"),
        (5, 7, None),
        (9, 12, "quorum"),
        (8, 11, None),
        (2**256 - 1, 12, None),
    ],
)
def test_honest_members_alone_reach_the_threshold(oracle, threshold, count, reason):
    members = sorted((one.address for one in KEYS[:count]), key=lambda who: int(who, 16))
    outcome = oracle.do("propose_reporters", threshold, members, sender=steward.address)
    assert outcome.reason == reason
    assert outcome.done == (reason is None and threshold < 13)


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 0, 1, 2], [0, 1, 2, 2], [3, 2, 1, 0]])
def test_members_ascend_strictly(oracle, order):
    members = [ANOTHER.members[place] for place in order]
    assert oracle.do("propose_reporters", 3, members, sender=steward.address).reason == "ascending"


def test_nobody_is_no_member(oracle):
    members = ["0x" + "00" * 20, *ANOTHER.members]
    assert oracle.do("propose_reporters", 3, members, sender=steward.address).reason == "ascending"


def test_thirteen_may_be_members(oracle):
    members = sorted([*(one.address for one in KEYS), oracle.attester], key=lambda who: int(who, 16))
    oracle.do("propose_reporters", 9, members, sender=steward.address)
    oracle.warp(DELAY)
    assert oracle.do("activate_reporters", 9, members).done
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE)).done
    oracle.warp(15)
    assert oracle.do("update", *oracle.round(ETH, oracle.now, PRICE, oracle.members)).done


@pytest.mark.usefixtures("oracle")
@pytest.mark.parametrize(("delay", "good"), [(2, True), (30, True), (30.1, False), (1.9, False), (0, False)])
def test_the_delay_is_two_to_thirty_days(delay, good):
    days = round(delay * 86400)
    if good:
        assert deployed(3, ANOTHER.members, days).delay() == days
    else:
        with boa.reverts("delay"):
            deployed(3, ANOTHER.members, days)


@pytest.mark.usefixtures("oracle")
def test_a_first_set_must_be_good_too():
    with boa.reverts("quorum"):
        deployed(3, ANOTHER.members[:3])
    with boa.reverts("ascending"):
        deployed(3, ANOTHER.members[::-1])
    with pytest.raises(BoaError):
        deployed(3, [ANOTHER.members[0]] * 14)
