"""Members that are contracts are found by what they say of themselves, and never stand for what fits no report."""

import asyncio

from tests.unit.oracle.test_submitter import Chain, confirmed, submitter
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, signed

from peersettle.errors import RpcUnavailable, reverted
from peersettle.oracle.attesters import Attesters
from peersettle.oracle.submitter import Outcome
from peersettle.reports import Attestation, Feed


class Contracts:
    """The contracts at some members; all others are plain accounts."""

    def __init__(self, **prices):
        self.prices = {SIGNERS[int(name[1:])].address: price for name, price in prices.items()}
        self.told = FEED.id
        self.asked = 0

    def __call__(self, member):
        self.member = member
        return Contract(self, member)


class Contract:
    def __init__(self, contracts, member):
        self.contracts, self.member = contracts, member

    def feed(self):
        self.contracts.asked += 1
        return self.contracts.told if self.member in self.contracts.prices else None

    def price(self):
        price = self.contracts.prices[self.member]
        if isinstance(price, Exception):
            raise price
        return int(price * WAD)


def submit(chain, reports, contracts, now=SLOT):
    who = submitter(chain, reports, now=now)
    who._attesters = Attesters(contracts)
    return asyncio.run(who.submit(FEED))


TWO = [signed(0, 2_000), signed(1, 2_002)]


def test_members_are_asked_once_what_they_are_until_all_is_forgotten():
    contracts = Contracts(m3=2_000, m4=2_000)
    attesters = Attesters(contracts)
    assert attesters.of(MEMBERS, FEED) == attesters.of(MEMBERS, FEED) == [SIGNERS[n].address for n in (3, 4)]
    assert attesters.of(MEMBERS, Feed("BTC/USD")) == []
    assert contracts.asked == len(MEMBERS.members)
    attesters.forget()
    contracts.told = Feed("BTC/USD").id
    assert attesters.of(MEMBERS, FEED) == []


def test_prices_that_fit_no_report_are_left_out():
    attesters = Attesters(Contracts(m0=0, m1=2**87, m2=2_000))
    found = attesters.attestations(DOMAIN, FEED, SLOT, [SIGNERS[n].address for n in (0, 1, 2)])
    assert [(item.reporter, item.report.value) for item in found] == [(SIGNERS[2].address, 2_000 * WAD)]


def test_an_attestation_fills_a_round_of_the_running_slot_up():
    chain = Chain()
    done = submit(chain, TWO, Contracts(m4=2_001))
    assert (done.outcome, done.value) == (Outcome.SENT, 2_001 * WAD)
    assert [type(item) for item in chain.sent[0].reports].count(Attestation) == 1


def test_no_contract_is_asked_where_signatures_are_enough_or_its_answer_would_not_be():
    broken = Contracts(m4=RpcUnavailable("asked"))
    assert submit(Chain(), [*TWO, signed(2, 2_001)], broken).outcome is Outcome.SENT
    assert submit(Chain(), TWO[:1], broken).outcome is Outcome.NO_ROUND
    assert submit(confirmed(ago=0), TWO, broken).outcome is Outcome.NOT_DUE
    assert submit(Chain(), TWO, broken).outcome is Outcome.FAILED


def test_a_slot_that_is_over_is_attested_by_nobody():
    assert submit(Chain(), TWO, Contracts(m4=2_001), now=SLOT + 15).outcome is Outcome.NO_ROUND


def test_an_answer_that_changed_on_the_way_is_no_failure():
    chain = Chain(failure=reverted("attest"))
    assert submit(chain, TWO, Contracts(m4=2_001)).outcome is Outcome.NO_ROUND
