# pragma version 0.4.3
"""
@title Moving one leg from its giver to its receiver
@license MIT
@notice Every call made here has a fixed selector and arguments that the giver has signed. Nothing is ever pulled
        from anybody but the leg's giver.
"""

from ..interfaces import IERC20
from ..interfaces import IERC721
from ..interfaces import IERC1155
from ..interfaces import IPermit2
from ..interfaces import ISettlement

ERC20: constant(uint8) = 0
ERC20_EXACT: constant(uint8) = 1
ERC721: constant(uint8) = 2
ERC1155: constant(uint8) = 3
NATIVE: constant(uint8) = 4
POSITION: constant(uint8) = 5

STANDING: constant(uint256) = 0
ERC2612: constant(uint256) = 1
PERMIT2: constant(uint256) = 2
ERC3009: constant(uint256) = 3

S_MASK: constant(uint256) = 2**255 - 1
WITNESS_TYPE: constant(String[64]) = "bytes32 tradeHash)TokenPermissions(address token,uint256 amount)"

PERMIT2_ADDRESS: immutable(address)


@deploy
def __init__(permit2: address):
    PERMIT2_ADDRESS = permit2


@external
@view
def permit2() -> address:
    return PERMIT2_ADDRESS


@internal
def _transfer(token: address, giver: address, receiver: address, amount: uint256):
    """
    @notice Tokens that return nothing pass; that return false, or have no code, revert.
    """
    assert extcall IERC20(token).transferFrom(giver, receiver, amount, default_return_value=True), "token"


@internal
def _transfer_approved(leg: ISettlement.Leg, approval: ISettlement.Approval, trade_hash: bytes32):
    """
    @notice Move an ERC-20 leg under the approval that the submitter brought for it.
    """
    v: uint256 = unsafe_add(convert(approval.vs, uint256) >> 255, 27)
    s: bytes32 = convert(convert(approval.vs, uint256) & S_MASK, bytes32)
    if approval.method == ERC2612:
        # Best effort: whoever used the permit first has set the allowance already.
        success: bool = raw_call(
            leg.token,
            abi_encode(
                leg.giver,
                self,
                approval.amount,
                approval.deadline,
                v,
                approval.r,
                s,
                method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
            ),
            revert_on_failure=False,
        )
        self._transfer(leg.token, leg.giver, leg.receiver, leg.amount)
    elif approval.method == PERMIT2:
        # Permit2 takes silence from an address without code for success.
        assert leg.token.is_contract, "token"
        extcall IPermit2(PERMIT2_ADDRESS).permitWitnessTransferFrom(
            IPermit2.PermitTransferFrom(
                permitted=IPermit2.TokenPermissions(token=leg.token, amount=approval.amount),
                nonce=approval.nonce,
                deadline=approval.deadline,
            ),
            IPermit2.SignatureTransferDetails(receiver=leg.receiver, amount=leg.amount),
            leg.giver,
            trade_hash,
            WITNESS_TYPE,
            concat(approval.r, approval.vs),
        )
    elif approval.method == ERC3009:
        # The tokens pass through here, so what comes must be what goes.
        before: uint256 = staticcall IERC20(leg.token).balanceOf(self)
        extcall IERC20(leg.token).receiveWithAuthorization(
            leg.giver,
            self,
            leg.amount,
            0,
            approval.deadline,
            keccak256(abi_encode(trade_hash, approval.leg)),
            convert(v, uint8),
            approval.r,
            s,
        )
        assert extcall IERC20(leg.token).transfer(leg.receiver, leg.amount, default_return_value=True), "token"
        assert staticcall IERC20(leg.token).balanceOf(self) == before, "exact"
    else:
        raise "approval"


@internal
def _pull(leg: ISettlement.Leg):
    """
    @notice Move an ERC-20 leg under the giver's standing allowance.
    """
    assert leg.id == 0, "leg"
    if leg.kind == ERC20:
        self._transfer(leg.token, leg.giver, leg.receiver, leg.amount)
    else:
        before: uint256 = staticcall IERC20(leg.token).balanceOf(leg.receiver)
        self._transfer(leg.token, leg.giver, leg.receiver, leg.amount)
        assert staticcall IERC20(leg.token).balanceOf(leg.receiver) == before + leg.amount, "exact"


@internal
def _pull_approved(leg: ISettlement.Leg, approval: ISettlement.Approval, trade_hash: bytes32):
    assert leg.kind <= ERC20_EXACT, "approval"
    assert leg.id == 0, "leg"
    if leg.kind == ERC20:
        self._transfer_approved(leg, approval, trade_hash)
    else:
        before: uint256 = staticcall IERC20(leg.token).balanceOf(leg.receiver)
        self._transfer_approved(leg, approval, trade_hash)
        assert staticcall IERC20(leg.token).balanceOf(leg.receiver) == before + leg.amount, "exact"


@internal
def _move(leg: ISettlement.Leg, caller: address) -> uint256:
    """
    @notice Move one token or native leg without an approval; returns the native amount it used.
    @dev The fields that a kind does not use must be zero: what a wallet shows is then all there is.
    """
    if leg.kind <= ERC20_EXACT:
        self._pull(leg)
    elif leg.kind == ERC721:
        assert leg.amount == 1, "leg"
        extcall IERC721(leg.token).transferFrom(leg.giver, leg.receiver, leg.id)
        # An ERC-20 has the same selector but no owner of an id.
        assert staticcall IERC721(leg.token).ownerOf(leg.id) == leg.receiver, "token"
    elif leg.kind == ERC1155:
        # A token that swallows unknown calls, as WETH9 does, moves nothing and answers nothing.
        before: uint256 = staticcall IERC1155(leg.token).balanceOf(leg.receiver, leg.id)
        extcall IERC1155(leg.token).safeTransferFrom(leg.giver, leg.receiver, leg.id, leg.amount, b"")
        assert staticcall IERC1155(leg.token).balanceOf(leg.receiver, leg.id) == before + leg.amount, "exact"
    else:
        assert leg.kind == NATIVE, "kind"
        assert leg.giver == caller and leg.token == empty(address) and leg.id == 0, "native"
        raw_call(leg.receiver, b"", value=leg.amount)
        return leg.amount
    return 0
