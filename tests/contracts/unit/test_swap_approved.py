"""`swap_approved`: a swap with signed approvals, and signatures of any form."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.forms import BAD, GOOD, STRANGERS, by_stranger
from tests.contracts.unit.scene import NOTHING, SETTLED, Scene, approve, broker, maker, relayer, taker

from peersettle.trades import ApprovalMethod, Quote, Swap
from peersettle.trades import load as load_document
from peersettle.trades.documents import dump
from peersettle.types import ZERO_ADDRESS, keccak

METHODS = list(ApprovalMethod)
NO_ALLOWANCE = "ERC20: transfer amount exceeds allowance"


def approvals_for(scene: Scene, swap: Swap, *methods: ApprovalMethod, index: int = 0):
    """One approval for each side, from leg `index` on; the standing allowances of those sides are gone."""
    digest = scene.digest(swap)
    made = []
    for leg_index, method in enumerate(methods, index):
        leg, giver = swap.legs()[leg_index], (maker, taker)[leg_index]
        token = (scene.dollar, scene.ether)[leg_index]
        scene.forbid(token, giver.address)
        if method is ApprovalMethod.ERC2612:
            made.append(scene.permit(token, giver, leg.amount, leg=leg_index))
        elif method is ApprovalMethod.PERMIT2:
            approve(token, giver.address, scene.permit2.address)
            made.append(scene.permit2_approval(leg, giver, digest, index=leg_index))
        else:
            made.append(scene.authorization(token, leg, giver, digest, index=leg_index))
    return made


@pytest.mark.parametrize("sender", [relayer, maker, taker])
def test_without_approvals_it_is_a_swap(scene, sender):
    done = scene.swap_approved(scene.swap(), sender=sender.address)
    assert done.settled
    assert scene.swap_moves() == SETTLED
    assert (done.events[0].maker, done.events[0].taker) == (maker.address, taker.address)


@pytest.mark.parametrize("makers", METHODS)
@pytest.mark.parametrize("takers", METHODS)
def test_each_side_may_bring_any_approval(scene, makers, takers):
    swap = scene.swap()
    done = scene.swap_approved(swap, *approvals_for(scene, swap, makers, takers))
    assert done.settled
    assert scene.swap_moves() == SETTLED
    assert scene.dollar.balanceOf(scene.settlement) == scene.ether.balanceOf(scene.settlement) == 0


@pytest.mark.parametrize("method", METHODS)
def test_the_taker_alone_may_bring_one(scene, method):
    swap = scene.swap()
    assert scene.swap_approved(swap, *approvals_for(scene, swap, method, index=1)).settled
    assert scene.swap_moves() == SETTLED


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (ApprovalMethod.ERC2612, NO_ALLOWANCE),
        (ApprovalMethod.PERMIT2, keccak(b"InvalidSigner()")[:4].hex()),
        (ApprovalMethod.ERC3009, "invalid signature"),
    ],
)
def test_an_approval_for_one_side_does_not_serve_the_other(scene, method, reason):
    swap = scene.swap(taker_token=scene.dollar.address, taker_amount=300)
    (made,) = approvals_for(scene, swap, method)
    approve(scene.dollar, maker.address, scene.settlement.address)
    scene.forbid(scene.dollar, taker.address)
    assert scene.swap_approved(swap, replace(made, leg=1)).reason == reason
    assert scene.moved(scene.dollar, maker) == 0


def test_approvals_ascend_and_belong_to_the_two_legs(scene):
    swap = scene.swap()
    first, second = approvals_for(scene, swap, ApprovalMethod.PERMIT2, ApprovalMethod.PERMIT2)
    for token, giver in ((scene.dollar, maker), (scene.ether, taker)):
        approve(token, giver.address, scene.settlement.address)
    for brought in ([second, first], [first, first], [second, second], [replace(first, leg=2)]):
        assert scene.swap_approved(swap, *brought).reason == "approval"
    assert scene.swap_approved(swap, first, second).settled


@pytest.mark.parametrize("method", [0, 4, 2**256 - 1])
def test_other_methods_are_refused(scene, method):
    raw = (0, method, 300, 0, scene.now, bytes(32), bytes(32))
    swap = scene.swap()
    both = [side.sign(scene.digest(swap)).to_bytes() for side in (maker, taker)]
    assert scene.send("swap_approved", swap.to_abi(), *both, [raw]).reason == "approval"


def test_only_two_approvals_fit(scene):
    swap = scene.swap()
    made = approvals_for(scene, swap, ApprovalMethod.PERMIT2, ApprovalMethod.PERMIT2)
    assert scene.swap_approved(swap, *made, made[1]).reason == ""


@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("side", ["makers", "takers"])
def test_a_signature_counts_in_each_form(scene, form, side):
    swap = scene.swap()
    signer = maker if side == "makers" else taker
    given = GOOD[form](signer.sign(scene.digest(swap)))
    assert scene.swap_approved(swap, **{side: given}).settled


@pytest.mark.parametrize("form", BAD)
@pytest.mark.parametrize(("side", "reason"), [("makers", "signature"), ("takers", "taker")])
def test_a_malformed_signature_does_not(scene, form, side, reason):
    swap = scene.swap()
    signer = maker if side == "makers" else taker
    given = BAD[form](signer.sign(scene.digest(swap)))
    assert scene.swap_approved(swap, **{side: given}).reason == reason


@pytest.mark.parametrize("how", STRANGERS)
@pytest.mark.parametrize(("side", "reason"), [("makers", "signature"), ("takers", "taker")])
def test_each_side_itself_must_have_signed_it_for_here(scene, how, side, reason):
    swap = scene.swap()
    forged = by_stranger(scene, swap, maker if side == "makers" else taker, how).to_bytes()
    assert scene.swap_approved(swap, **{side: forged}).reason == reason


def test_a_taker_that_sends_need_not_sign_but_a_maker_must(scene):
    swap = scene.swap()
    assert scene.swap_approved(swap, takers=b"", sender=broker.address).reason == "taker"
    assert scene.swap_approved(swap, makers=b"", sender=maker.address).reason == "signature"
    assert scene.swap_approved(swap, takers=b"junk", sender=taker.address).settled


def test_an_open_quote_goes_to_the_sender(scene):
    swap = scene.swap(taker=ZERO_ADDRESS)
    done = scene.swap_approved(swap, takers=b"", sender=broker.address)
    assert done.settled
    assert done.events[0].taker == broker.address
    assert (scene.moved(scene.dollar, broker), scene.moved(scene.ether, broker)) == (300, -2)


def test_a_multisig_signs_with_more_than_65_bytes(scene):
    wallet = load("MultisigWallet", maker.address, broker.address)
    scene.fund(scene.dollar, wallet.address)
    swap = scene.swap(maker=wallet.address)
    first, second = (owner.sign(scene.digest(swap)).to_bytes() for owner in (maker, broker))
    for wrong in (first, second, second + first, first + first):
        assert scene.swap_approved(swap, makers=wrong).reason == "signature"
    assert scene.swap_approved(swap, makers=first + second).settled


def test_the_deadline_is_inclusive(scene):
    swap = scene.swap(deadline=scene.now + 60)
    boa.env.timestamp += 61
    assert scene.swap_approved(swap).reason == "expired"
    boa.env.timestamp -= 1
    assert scene.swap_approved(swap).settled


def test_a_quote_fills_once(scene):
    swap = scene.swap()
    assert scene.swap_approved(swap).settled
    assert scene.swap_approved(swap).reason == scene.take(swap).reason == "nonce"


def test_one_approval_of_two_missing_sinks_both(scene):
    swap = scene.swap()
    first, _ = approvals_for(scene, swap, ApprovalMethod.ERC3009, ApprovalMethod.ERC3009)
    assert scene.swap_approved(swap, first).reason == NO_ALLOWANCE
    assert scene.swap_moves() == NOTHING
    assert not scene.swap_used(swap)


def test_a_mailed_quote_is_what_the_contract_takes(scene):
    swap = scene.swap()
    quote = replace(scene.quote(swap), approvals=tuple(approvals_for(scene, swap, ApprovalMethod.ERC3009)))
    mailed = load_document(dump(quote))
    assert isinstance(mailed, Quote)
    both = {"makers": mailed.maker_signature, "takers": mailed.taker_signature}
    assert scene.swap_approved(mailed.swap, *mailed.approvals, **both).settled
