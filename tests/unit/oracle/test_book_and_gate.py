"""The book takes only what is signed by a member, for this contract, a known feed and a slot in time; the gate bans."""

import dataclasses

import pytest
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, ManualClock, signed

from peersettle.oracle.book import Refusal, ReportBook
from peersettle.oracle.gate import MAX_PEERS, Gate
from peersettle.reports import Feed, OracleDomain, ReporterSet
from peersettle.signing import KeySigner
from peersettle.types import address

STRANGER = KeySigner(b"\x77" * 32)


def book(**options):
    return ReportBook(DOMAIN, [FEED, Feed("BTC/USD")], MEMBERS, **options)


def test_reports_are_held_by_slot():
    held = book()
    for signer in range(4):
        assert held.accept(signed(signer, 2_000 + signer), SLOT) is None
    assert [r.report.value // WAD for r in held.reports(FEED, SLOT)] == [2_000, 2_001, 2_002, 2_003]
    assert held.reports(FEED, SLOT + 15) == []
    assert held.reports(Feed("BTC/USD"), SLOT) == []


@pytest.mark.parametrize(
    ("report", "refusal"),
    [
        (signed(domain=OracleDomain(1, DOMAIN.oracle)), Refusal.DOMAIN),
        (signed(domain=OracleDomain(31337, address("0x" + "13" * 20))), Refusal.DOMAIN),
        (signed(feed=Feed("DOGE/USD")), Refusal.FEED),
        (signed(feed=Feed("ETH/USD", jump_cap=1)), Refusal.FEED),
        (signed(slot=SLOT + 15), Refusal.FUTURE),
        (signed(slot=SLOT - 135), Refusal.OLD),
        (signed(signer=STRANGER), Refusal.MEMBER),
        (dataclasses.replace(signed(0), reporter=SIGNERS[1].address), Refusal.SIGNATURE),
        (dataclasses.replace(signed(0), signature=signed(0, 2_001).signature), Refusal.SIGNATURE),
        (dataclasses.replace(signed(0), signature=b""), Refusal.SIGNATURE),
        (dataclasses.replace(signed(0), signature=b"\xff" * 65), Refusal.SIGNATURE),
    ],
)
def test_what_does_not_count_is_refused_by_name(report, refusal):
    held = book()
    assert held.accept(report, SLOT) is refusal
    assert held.newest(FEED) is None


def test_a_second_value_for_one_slot_is_refused_and_the_first_stays():
    held = book()
    assert held.accept(signed(0, 2_000), SLOT) is None
    assert held.accept(signed(0, 2_000), SLOT) is Refusal.DUPLICATE
    assert held.accept(signed(0, 2_001), SLOT) is Refusal.EQUIVOCATION
    forged = dataclasses.replace(signed(0, 2_002), signature=signed(0, 2_000).signature)
    assert held.accept(forged, SLOT) is Refusal.SIGNATURE  # nobody can frame another
    assert [r.report.value for r in held.reports(FEED, SLOT)] == [2_000 * WAD]


def test_a_clock_a_little_ahead_is_forgiven():
    assert book().accept(signed(slot=SLOT + 15), SLOT + 10) is None


def test_old_slots_are_forgotten():
    held = book(keep=3)
    for slot in range(SLOT, SLOT + 150, 15):
        assert held.accept(signed(slot=slot), slot) is None
    assert [slot for slot in range(SLOT, SLOT + 150, 15) if held.reports(FEED, slot)] == [
        SLOT + 105,
        SLOT + 120,
        SLOT + 135,
    ]


def test_the_newest_slot_is_the_newest_that_makes_a_round():
    held = book()
    for signer in range(3):
        held.accept(signed(signer), SLOT)
    held.accept(signed(0, slot=SLOT + 15), SLOT + 15)
    assert held.newest(FEED) == SLOT
    held.accept(signed(1, slot=SLOT + 15), SLOT + 15)
    held.accept(signed(2, slot=SLOT + 15), SLOT + 15)
    assert held.newest(FEED) == SLOT + 15


def test_a_new_set_of_reporters_leaves_only_its_members_reports():
    held = book()
    for signer in range(5):
        held.accept(signed(signer), SLOT)
    held.reporters = ReporterSet.of(3, [*(s.address for s in SIGNERS[:3]), STRANGER.address])
    assert [r.reporter for r in held.reports(FEED, SLOT)] == [s.address for s in SIGNERS[:3]]
    assert held.accept(signed(signer=STRANGER), SLOT) is None


def test_feeds_are_found_by_name_and_id():
    held = book()
    assert held.feed("ETH/USD") == held.feed("0x" + FEED.id.hex()) == FEED
    assert held.feed("XRP/USD") is None


def test_the_gate_lets_a_burst_through_and_then_the_rate():
    clock = ManualClock()
    gate = Gate(clock, rate=2, burst=4)
    assert [gate.admit("a") for _ in range(6)] == [0, 0, 0, 0, 1, 1]
    assert gate.admit("b") == 0
    clock.time += 1
    assert [gate.admit("a") for _ in range(3)] == [0, 0, 1]


def test_garbage_bans_for_a_while_and_is_forgotten_slowly():
    clock = ManualClock()
    gate = Gate(clock, tolerance=3, ban=600)
    assert [gate.garbage("a") for _ in range(3)] == [False, False, True]
    assert gate.is_banned("a")
    assert gate.admit("a") == 601
    assert not gate.is_banned("b")
    clock.time += 600
    assert gate.admit("a") == 0
    for _ in range(20):  # one in two minutes is no flood
        assert not gate.garbage("b")
        clock.time += 120


def test_the_gate_remembers_a_bounded_number_of_addresses():
    gate = Gate(ManualClock())
    for number in range(MAX_PEERS + 10):
        gate.admit(str(number))
    assert len(gate._peers) == MAX_PEERS
