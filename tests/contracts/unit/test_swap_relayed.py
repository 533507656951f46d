"""`swap_relayed`: both have signed, anybody sends."""

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.forms import STRANGERS, by_stranger
from tests.contracts.unit.scene import NOTHING, SETTLED, broker, maker, relayer, taker

from peersettle.trades import Signature
from peersettle.types import ZERO_ADDRESS

SIDES = {"makers": maker, "takers": taker}


@pytest.mark.parametrize("sender", [relayer, maker, taker])
def test_anybody_may_send_it(scene, sender):
    swap = scene.swap()
    done = scene.relay(swap, sender=sender.address)
    assert done.settled
    assert scene.swap_moves() == SETTLED
    assert scene.moved(scene.dollar, relayer) == scene.moved(scene.ether, relayer) == 0
    (event,) = done.events
    assert (event.trade_hash, event.maker, event.taker) == (scene.digest(swap), maker.address, taker.address)


def test_the_deadline_is_inclusive(scene):
    swap = scene.swap(deadline=scene.now + 60)
    boa.env.timestamp += 61
    assert scene.relay(swap).reason == "expired"
    boa.env.timestamp -= 1
    assert scene.relay(swap).settled


def test_a_quote_fills_once_by_whatever_verb(scene):
    swap = scene.swap()
    assert scene.relay(swap).settled
    assert scene.relay(swap).reason == scene.take(swap).reason == scene.swap_approved(swap).reason == "nonce"
    assert scene.swap_moves() == SETTLED


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("how", STRANGERS)
def test_each_side_itself_must_have_signed_it_for_here(scene, side, how):
    swap = scene.swap()
    forged = {side: by_stranger(scene, swap, SIDES[side], how)}
    assert scene.relay(swap, **forged).reason == "signature"
    assert scene.swap_moves() == NOTHING


@pytest.mark.parametrize("side", SIDES)
def test_sending_it_does_not_replace_a_signature(scene, side):
    swap = scene.swap()
    nobodys = {side: Signature(0, 0, 0)}
    assert scene.relay(swap, sender=SIDES[side].address, **nobodys).reason == "signature"


def test_the_sides_do_not_sign_for_each_other(scene):
    swap = scene.swap()
    by_maker, by_taker = (one.sign(scene.digest(swap)) for one in (maker, taker))
    assert scene.relay(swap, by_taker, by_maker).reason == "signature"
    assert scene.relay(swap, by_maker, by_maker).reason == "signature"


def test_an_open_quote_cannot_be_relayed(scene):
    """The zero address signs nothing, not even with a signature that recovers to it."""
    swap = scene.swap(taker=ZERO_ADDRESS)
    for takers in (Signature(0, 0, 0), relayer.sign(scene.digest(swap))):
        assert scene.relay(swap, takers=takers).reason == "signature"


@pytest.mark.parametrize("side", SIDES)
def test_either_side_may_be_a_contract_wallet(scene, side):
    wallet = load("Wallet", broker.address)
    for token in (scene.dollar, scene.ether):
        scene.fund(token, wallet.address)
    swap = scene.swap(**{side[:-1]: wallet.address})
    assert scene.relay(swap).reason == "signature"
    assert scene.relay(swap, **{side: broker.sign(scene.digest(swap))}).settled


def test_what_a_token_says_is_passed_on_and_nothing_moves(scene):
    scene.forbid(scene.ether, taker.address)
    assert scene.relay(scene.swap()).reason == "ERC20: transfer amount exceeds allowance"
    scene.forbid(scene.dollar, maker.address)
    assert scene.swap_moves() == NOTHING
    assert not scene.swap_used(scene.swap())


def test_after_a_fork_with_another_chain_id_nothing_settles(scene):
    boa.env.evm.patch.chain_id += 1
    assert scene.relay(scene.swap()).reason == "chain"


def test_no_ether_may_be_sent_along(scene):
    assert scene.relay(scene.swap(), value=1).reason == ""
