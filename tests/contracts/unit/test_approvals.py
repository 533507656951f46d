"""Signed approvals of a leg: ERC-2612, Permit2 with the trade as witness, ERC-3009."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.scene import (
    Scene,
    approve,
    broker,
    call,
    delegate,
    maker,
    relayer,
    taker,
    with_fields,
)

from peersettle.trades import Approval, ApprovalMethod, LegKind, Trade
from peersettle.types import UINT256_MAX, keccak

NO_ALLOWANCE = "ERC20: transfer amount exceeds allowance"
INVALID_SIGNER = keccak(b"InvalidSigner()")[:4].hex()
INVALID_NONCE = keccak(b"InvalidNonce()")[:4].hex()
ERC2612, PERMIT2, ERC3009 = ApprovalMethod
# What each method says when the approval is not for this use.
FOREIGN = {ERC2612: NO_ALLOWANCE, PERMIT2: INVALID_SIGNER, ERC3009: "invalid signature"}


@pytest.fixture(autouse=True)
def no_allowance(scene):
    """The maker has allowed Settlement nothing, and Permit2 everything."""
    scene.forbid(scene.dollar, maker.address)
    approve(scene.dollar, maker.address, scene.permit2.address)


def approval(scene: Scene, trade: Trade, method: ApprovalMethod, index: int = 0, **options: int) -> Approval:
    """The maker's approval of a leg of the trade."""
    leg, digest = trade.legs[index], scene.digest(trade)
    if method is ERC2612:
        amount = options.pop("amount", leg.amount)
        return scene.permit(scene.dollar, maker, amount, leg=index, **options)
    if method is PERMIT2:
        return scene.permit2_approval(leg, maker, digest, index=index, **options)
    signs = replace(leg, amount=options.pop("amount", leg.amount))
    return scene.authorization(scene.dollar, signs, maker, digest, index=index, **options)


def use_elsewhere(scene: Scene, made: Approval, spender: str = "") -> None:
    """Somebody else brings the permit to its token."""
    r, vs = made.signature.to_abi()
    s = (int.from_bytes(vs, "big") & (2**255 - 1)).to_bytes(32, "big")
    scene.dollar.permit(
        maker.address,
        spender or scene.settlement.address,
        made.amount,
        made.deadline,
        27 + made.signature.parity,
        r,
        s,
        sender=broker.address,
    )


@pytest.mark.parametrize("kind", [LegKind.ERC20, LegKind.ERC20_EXACT])
@pytest.mark.parametrize("method", ApprovalMethod)
def test_each_method_settles_a_leg_without_a_standing_allowance(scene, method, kind):
    trade = scene.trade(scene.leg(kind=kind))
    assert scene.settle(trade).reason == NO_ALLOWANCE
    assert scene.settle(trade, approval(scene, trade, method)).settled
    assert (scene.moved(scene.dollar, maker), scene.moved(scene.dollar, taker)) == (-300, 300)
    assert scene.dollar.balanceOf(scene.settlement) == 0


@pytest.mark.parametrize("method", ApprovalMethod)
def test_a_leg_may_go_back_to_its_giver(scene, method):
    trade = scene.trade(scene.leg(maker, maker), parties=(maker,))
    assert scene.settle(trade, approval(scene, trade, method)).settled
    assert scene.moved(scene.dollar, maker) == 0


@pytest.mark.parametrize("method", [ERC2612, PERMIT2])
@pytest.mark.parametrize("amount", [300, 301, UINT256_MAX])
def test_an_approval_of_more_moves_what_the_leg_says(scene, method, amount):
    trade = scene.trade(scene.leg())
    assert scene.settle(trade, approval(scene, trade, method, amount=amount)).settled
    assert scene.moved(scene.dollar, taker) == 300


@pytest.mark.parametrize(
    ("method", "amount", "reason"),
    [
        (ERC2612, 299, NO_ALLOWANCE),
        (PERMIT2, 299, (keccak(b"InvalidAmount(uint256)")[:4] + (299).to_bytes(32, "big")).hex()),
        (ERC3009, 299, "invalid signature"),
        (ERC3009, 301, "invalid signature"),
    ],
)
def test_an_approval_of_too_little_does_not_do(scene, method, amount, reason):
    trade = scene.trade(scene.leg())
    assert scene.settle(trade, approval(scene, trade, method, amount=amount)).reason == reason
    assert scene.moved(scene.dollar, maker) == 0


@pytest.mark.parametrize("method", [ERC2612, PERMIT2])
def test_the_amount_is_the_one_signed(scene, method):
    trade = scene.trade(scene.leg())
    inflated = replace(approval(scene, trade, method, amount=299), amount=300)
    assert scene.settle(trade, inflated).reason == FOREIGN[method]


@pytest.mark.parametrize(
    ("method", "last", "reason"),
    [
        (ERC2612, 0, NO_ALLOWANCE),
        (PERMIT2, 0, None),
        (ERC3009, -1, "authorization is expired"),
    ],
)
def test_an_expired_approval_does_not_do(scene, method, last, reason):
    """The last second is each standard's own: ERC-3009 excludes `validBefore`."""
    trade = scene.trade(scene.leg())
    until = scene.now + 60
    made = approval(scene, trade, method, until=until)
    boa.env.timestamp = until + 1
    late = scene.settle(trade, made).reason
    if method is PERMIT2:
        reason = (keccak(b"SignatureExpired(uint256)")[:4] + until.to_bytes(32, "big")).hex()
    assert late == reason
    boa.env.timestamp = until + last
    assert scene.settle(trade, made).settled


@pytest.mark.parametrize("method", ApprovalMethod)
def test_the_deadline_is_the_one_signed(scene, method):
    trade = scene.trade(scene.leg())
    made = approval(scene, trade, method)
    assert scene.settle(trade, replace(made, deadline=made.deadline + 1)).reason == FOREIGN[method]


@pytest.mark.parametrize("method", ApprovalMethod)
def test_somebody_elses_signature_does_not_do(scene, method):
    trade = scene.trade(scene.leg())
    forged = replace(approval(scene, trade, method), signature=taker.sign(keccak(b"anything")))
    assert scene.settle(trade, forged).reason == FOREIGN[method]


@pytest.mark.parametrize("method", [PERMIT2, ERC3009])
def test_an_approval_serves_no_other_trade(scene, method):
    """Both are bound to the trade's hash; the same legs under another nonce are another trade."""
    signed_for, other = scene.trade(scene.leg()), scene.trade(scene.leg(), nonce_mask=2)
    made = approval(scene, signed_for, method)
    assert scene.settle(other, made).reason == FOREIGN[method]
    assert scene.settle(signed_for, made).settled


def test_a_permit_is_only_an_allowance_and_serves_whatever_its_owner_has_signed(scene):
    """ERC-2612 binds no trade: what it allows can move only under a trade that the owner has signed."""
    signed_for, other = scene.trade(scene.leg()), scene.trade(scene.leg(), nonce_mask=2)
    made = approval(scene, signed_for, ERC2612)
    assert scene.settle(other, made).settled
    assert scene.settle(signed_for, made).reason == NO_ALLOWANCE


def test_an_authorization_serves_no_other_leg(scene):
    """Two legs that differ in nothing but their place."""
    trade = scene.trade(scene.leg(), scene.leg())
    first, second = (approval(scene, trade, ERC3009, index) for index in (0, 1))
    swapped = [replace(second, leg=0), replace(first, leg=1)]
    assert scene.settle(trade, *swapped).reason == "invalid signature"
    assert scene.settle(trade, first, replace(first, leg=1)).reason == "invalid signature"
    assert scene.settle(trade, first, second).settled
    assert scene.moved(scene.dollar, taker) == 600


@pytest.mark.parametrize("method", ApprovalMethod)
def test_an_approval_serves_no_other_giver_and_no_other_token(scene, method):
    for other in (scene.leg(taker, maker), scene.leg(token=scene.ether)):
        trade = scene.trade(scene.leg(), other)
        made = replace(approval(scene, trade, method), leg=1)
        scene.forbid(scene.dollar, taker.address)
        scene.forbid(scene.ether, maker.address)
        approve(scene.dollar, maker.address, scene.settlement.address)
        assert not scene.settle(trade, made).settled
        assert scene.moved(scene.dollar, taker) == scene.moved(scene.ether, taker) == 0


def test_one_permit2_signature_serves_one_leg(scene):
    trade = scene.trade(scene.leg(), scene.leg(maker, taker, amount=100))
    first = approval(scene, trade, PERMIT2)
    assert scene.settle(trade, first, replace(first, leg=1)).reason == INVALID_NONCE
    second = approval(scene, trade, PERMIT2, index=1, nonce=1)
    assert scene.settle(trade, first, second).settled


def test_each_leg_may_bring_another_method(scene):
    legs = [scene.leg(amount=n) for n in (10, 20, 30, 40)]
    trade = scene.trade(*legs)
    made = [approval(scene, trade, method, index) for index, method in enumerate((ERC3009, PERMIT2, ERC3009))]
    assert scene.settle(trade, *made).reason == NO_ALLOWANCE
    assert scene.settle(trade, *made, approval(scene, trade, ERC2612, 3)).settled
    assert scene.moved(scene.dollar, taker) == 100


def test_approvals_ascend_and_belong_to_erc20_legs(scene):
    trade = scene.trade(scene.leg(amount=1), scene.leg(amount=2))
    first, second = (approval(scene, trade, PERMIT2, index, nonce=index) for index in (0, 1))
    approve(scene.dollar, maker.address, scene.settlement.address)
    for brought in ([second, first], [first, first], [first, second, second], [replace(second, leg=2)]):
        assert scene.settle(trade, *brought).reason == "approval"
    for kind in (LegKind.ERC721, LegKind.ERC1155):
        other = scene.trade(scene.leg(kind=kind, amount=1))
        assert scene.settle(other, approval(scene, other, PERMIT2)).reason == "approval"
    position = scene.trade(scene.leg(kind=LegKind.POSITION))
    assert scene.settle(position, first).reason == "approval"


@pytest.mark.parametrize("method", [0, 4, UINT256_MAX])
def test_other_methods_are_refused(scene, method):
    trade = scene.trade(scene.leg())
    arguments = scene.settle_arguments(trade)
    raw = (0, method, 300, 0, scene.now, bytes(32), bytes(32))
    assert scene.send("settle", *arguments[:2], [raw]).reason == "approval"


def test_an_approved_leg_has_no_id(scene):
    trade = scene.trade(scene.leg())
    leg = (*trade.to_abi()[1][0][:4], 1, 300)
    assert scene.settle(with_fields(trade, legs=[leg]), approval(scene, trade, PERMIT2)).reason == "leg"


# Somebody was faster


def test_a_permit_that_somebody_used_first_still_settles(scene):
    trade = scene.trade(scene.leg())
    made = approval(scene, trade, ERC2612)
    use_elsewhere(scene, made)
    assert scene.settle(trade, made).settled
    assert scene.moved(scene.dollar, taker) == 300


def test_an_authorization_can_be_used_by_settlement_only(scene):
    trade = scene.trade(scene.leg())
    made = approval(scene, trade, ERC3009)
    r, vs = made.signature.to_abi()
    s = (int.from_bytes(vs, "big") & (2**255 - 1)).to_bytes(32, "big")
    nonce = keccak(scene.digest(trade) + bytes(32))
    taken = call(
        scene.dollar,
        "receiveWithAuthorization",
        maker.address,
        scene.settlement.address,
        300,
        0,
        made.deadline,
        nonce,
        27 + made.signature.parity,
        r,
        s,
        sender=broker.address,
    )
    assert taken.reason == "caller must be the payee"
    assert scene.settle(trade, made).settled


def test_a_permit2_signature_can_be_used_by_settlement_only(scene):
    trade = scene.trade(scene.leg())
    made = approval(scene, trade, PERMIT2)
    permit = ((scene.dollar.address, 300), made.nonce, made.deadline)
    witness_type = "bytes32 tradeHash)TokenPermissions(address token,uint256 amount)"
    taken = call(
        scene.permit2,
        "permitWitnessTransferFrom",
        permit,
        (broker.address, 300),
        maker.address,
        scene.digest(trade),
        witness_type,
        made.signature.to_compact(),
        sender=broker.address,
    )
    assert taken.reason == INVALID_SIGNER
    assert scene.settle(trade, made).settled


def test_a_giver_can_take_an_approval_back(scene):
    trade = scene.trade(scene.leg())
    made = approval(scene, trade, PERMIT2)
    scene.permit2.invalidateUnorderedNonces(0, 1, sender=maker.address)
    assert scene.settle(trade, made).reason == INVALID_NONCE
    assert scene.settle(trade, approval(scene, trade, PERMIT2, nonce=256)).settled


# Tokens and wallets that the methods meet


def test_permit2_does_not_take_silence_from_no_code_for_a_transfer(scene):
    leg = scene.leg(token="0x0000000000000000000000000000000000009999")
    trade = scene.trade(leg)
    assert scene.settle(trade, approval(scene, trade, PERMIT2)).reason == "token"


def test_permit2_asks_a_contract_wallet(scene):
    wallet = load("Wallet", maker.address)
    scene.dollar.mint(wallet.address, 300)
    approve(scene.dollar, wallet.address, scene.permit2.address)
    trade = scene.trade(scene.leg(wallet), parties=(wallet, taker))
    signed = [s or maker.sign(scene.digest(trade)).to_bytes() for s in scene.signed(trade)]
    assert scene.settle(trade, approval(scene, trade, PERMIT2), signed=signed).settled


def test_permit2_does_not_know_the_key_of_a_delegated_account(scene):
    """Permit2 asks every account with code by ERC-1271, and this one has none. Its allowance still serves."""
    delegate(maker.address, load("NFT"))
    trade = scene.trade(scene.leg())
    assert not scene.settle(trade, approval(scene, trade, PERMIT2)).settled
    assert scene.settle(trade, approval(scene, trade, ERC3009)).settled
    approve(scene.dollar, maker.address, scene.settlement.address)
    assert scene.settle(scene.trade(scene.leg(), nonce_mask=2)).settled


def test_a_permit_that_explodes_or_burns_gas_does_not_stop_a_standing_allowance(scene):
    token = load("BombToken", "Bomb", "BOMB", 18)
    token.set_size(0)
    token.set_permit_size(100_000)
    scene.fund(token, maker.address)
    trade = scene.trade(scene.leg(token=token))
    made = scene.permit(scene.dollar, maker, 300)
    done = scene.settle(trade, made, gas=2_000_000)
    assert done.settled
    assert token.balanceOf(taker.address) == 300


def test_an_approval_moves_nothing_for_its_submitter(scene):
    trade = scene.trade(scene.leg())
    assert scene.settle(trade, approval(scene, trade, ERC3009), sender=broker.address).settled
    assert scene.moved(scene.dollar, broker) == scene.moved(scene.dollar, relayer) == 0
