"""`cancel`: a maker takes back quotes, at once and alone."""

import pytest
from tests.contracts.unit.scene import NOTHING, maker, taker

from peersettle.trades import NETTABLE
from peersettle.types import UINT256_MAX


def cancel(scene, word, mask, sender=maker):
    return scene.send("cancel", word, mask, sender=sender.address)


def test_a_cancelled_quote_settles_by_no_verb(scene):
    swap = scene.swap(nonce=NETTABLE | 7)
    done = cancel(scene, swap.nonce_word, swap.nonce_mask)
    assert done.settled
    assert scene.take(swap).reason == scene.relay(swap).reason == scene.swap_approved(swap).reason == "nonce"
    assert scene.settle_net(scene.quote(swap)).reason == "nonce"
    assert scene.swap_moves() == NOTHING


def test_it_says_what_was_cancelled(scene):
    (event,) = cancel(scene, 9, 0b101).events
    assert type(event).__name__ == "SwapsCancelled"
    assert (event.maker, event.nonce_word, event.nonce_mask) == (maker.address, 9, 0b101)
    assert scene.settlement.used_swaps(maker.address, 9) == 0b101


def test_only_the_bits_named_are_cancelled(scene):
    cancel(scene, 0, UINT256_MAX ^ 1 << 7)
    assert scene.take(scene.swap(nonce=8)).reason == "nonce"
    assert scene.take(scene.swap(nonce=256 + 8)).settled
    assert scene.take(scene.swap()).settled


def test_one_write_takes_a_whole_word_back(scene):
    cancel(scene, 0, UINT256_MAX)
    for nonce in (0, 7, 255):
        assert scene.take(scene.swap(nonce=nonce)).reason == "nonce"


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (3, 0), (3, 3)])
def test_what_is_cancelled_stays_cancelled(scene, order):
    for mask in order:
        assert cancel(scene, 0, mask).settled
    assert scene.settlement.used_swaps(maker.address, 0) == 3


def test_nobody_cancels_for_another(scene):
    cancel(scene, 0, UINT256_MAX, sender=taker)
    assert scene.take(scene.swap()).settled


def test_it_does_not_touch_trades(scene):
    cancel(scene, 5, UINT256_MAX)
    assert scene.settle(scene.trade()).settled
