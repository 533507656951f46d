"""`cancel_trade`: a lone party gives notice; from 60 seconds on the bits count as used."""

import boa
import pytest
from tests.contracts.unit.scene import broker, maker, peer, relayer, taker

from peersettle.trades import scope
from peersettle.types import UINT256_MAX

FLAG = 1 << 255
PAIR = (maker, taker)


def parties(*peers):
    return sorted((one.address for one in peers), key=lambda a: int(a, 16))


def notice(scene, mask=1, sender=maker, word=5, among=PAIR):
    return scene.send("cancel_trade", parties(*among), word, mask, sender=sender.address)


def used(scene, word=5):
    return scene.settlement.used_trades(parties(*PAIR), word)


@pytest.mark.parametrize("sender", PAIR)
def test_a_notice_takes_effect_after_60_seconds_exactly(scene, sender):
    assert notice(scene, sender=sender).settled
    boa.env.timestamp += 59
    assert used(scene) == FLAG
    with boa.env.anchor():
        assert scene.settle(scene.trade()).settled
    boa.env.timestamp += 1
    assert used(scene) == FLAG | 1
    assert scene.settle(scene.trade()).reason == "nonce"


def test_it_says_what_and_from_when(scene):
    (event,) = notice(scene, mask=0b11, sender=taker).events
    assert type(event).__name__ == "NoticeGiven"
    assert event.scope == scope(tuple(parties(*PAIR)))
    assert (event.party, event.nonce_word, event.nonce_mask) == (taker.address, 5, 0b11)
    assert event.effective_at == scene.now + 60


def test_bits_outside_the_notice_stay_free(scene):
    notice(scene, mask=0b10)
    boa.env.timestamp += 60
    assert scene.settle(scene.trade()).settled
    assert scene.settle(scene.trade(nonce_mask=0b110)).reason == "nonce"
    assert scene.settle(scene.trade(nonce_mask=0b100)).settled


def test_a_notice_stays_in_effect_for_good(scene):
    notice(scene)
    boa.env.timestamp += 10**9
    assert scene.settle(scene.trade(deadline=UINT256_MAX)).reason == "nonce"


def test_a_notice_in_effect_survives_later_settlements_and_notices(scene):
    notice(scene)
    boa.env.timestamp += 60
    assert scene.settle(scene.trade(nonce_mask=0b10)).settled
    notice(scene, mask=0b100)
    notice(scene, mask=0b1000, sender=taker)
    assert used(scene) == FLAG | 0b11
    boa.env.timestamp += 60
    assert used(scene) == FLAG | 0b1111


def test_a_second_notice_restarts_ones_own_that_still_runs(scene):
    notice(scene, mask=0b01)
    boa.env.timestamp += 30
    notice(scene, mask=0b10)
    boa.env.timestamp += 30
    assert used(scene) == FLAG
    boa.env.timestamp += 29
    assert used(scene) == FLAG
    boa.env.timestamp += 1
    assert used(scene) == FLAG | 0b11


def test_nobody_restarts_anothers_notice(scene):
    notice(scene, mask=0b01, sender=maker)
    boa.env.timestamp += 59
    for _ in range(3):
        notice(scene, mask=0b01, sender=taker)
    boa.env.timestamp += 1
    assert used(scene) == FLAG | 0b01
    assert scene.settle(scene.trade()).reason == "nonce"


def test_a_settled_bit_may_be_given_notice_of_without_effect(scene):
    assert scene.settle(scene.trade()).settled
    notice(scene)
    boa.env.timestamp += 60
    assert used(scene) == FLAG | 1


def test_a_trade_may_settle_while_the_notice_runs_and_stays_settled(scene):
    notice(scene)
    assert scene.settle(scene.trade()).settled
    boa.env.timestamp += 60
    assert used(scene) == FLAG | 1
    assert scene.settle(scene.trade()).reason == "nonce"


def test_only_a_party_gives_notice(scene):
    for sender in (relayer, broker):
        assert notice(scene, sender=sender).reason == "party"
    boa.env.timestamp += 60
    assert scene.settle(scene.trade()).settled


@pytest.mark.parametrize("mask", [0, FLAG, FLAG | 1, UINT256_MAX])
def test_a_mask_has_at_least_one_bit_and_not_the_top_one(scene, mask):
    assert notice(scene, mask=mask).reason == "mask"


def test_a_notice_holds_in_its_own_set_of_parties_and_word(scene):
    notice(scene)
    boa.env.timestamp += 60
    assert scene.settle(scene.trade(nonce_word=6)).settled
    assert scene.settle(scene.trade(parties=(maker, taker, broker))).settled


def test_parties_in_another_order_are_another_set(scene):
    """A list that no trade can have: a notice there means nothing."""
    backwards = parties(*PAIR)[::-1]
    assert scene.send("cancel_trade", backwards, 5, 1, sender=maker.address).settled
    boa.env.timestamp += 60
    assert used(scene) == 0
    assert scene.settle(scene.trade()).settled


def test_a_whole_word_but_its_flag_can_be_cancelled(scene):
    notice(scene, mask=FLAG - 1)
    boa.env.timestamp += 60
    assert scene.settle(scene.trade(nonce_mask=1 << 254)).reason == "nonce"


def test_all_of_eight_parties_may_give_notice(scene):
    crowd = [peer(f"party {n}") for n in range(8)]
    for at, one in enumerate(crowd):
        assert notice(scene, mask=1 << at, sender=one, among=crowd).settled
    boa.env.timestamp += 60
    assert scene.settlement.used_trades(parties(*crowd), 5) == FLAG | 255
