# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Settlement
@license MIT
@notice Settles what its parties have signed, whole or not at all. The only address that a wallet ever approves.
@dev How do you stop this? Nobody can. It has no owner, pause, upgrade, delegatecall or arbitrary call, and it holds
     nothing between transactions. A party stops its own trades: `cancel` for quotes, `cancel_trade` for trades,
     or by taking back the allowance. Every state change is made before the first token is called, and re-entry is refused.
"""

from .interfaces import IERC20
from .interfaces import IPositionLedger
from .interfaces import ISettlement
from .modules import nonces
from .modules import signatures
from .modules import transfers
from .modules import typed_data

implements: ISettlement

initializes: nonces
initializes: transfers
initializes: typed_data

exports: typed_data.eip712Domain
exports: transfers.permit2
exports: (nonces.used_swaps, nonces.cancel)

MAX_PARTIES: constant(uint256) = 8
MAX_LEGS: constant(uint256) = 16
MAX_SIGNATURE: constant(uint256) = 768
MAX_NET_PARTIES: constant(uint256) = 16
MAX_NET_TOKENS: constant(uint256) = 8
NET_SHIFT: constant(uint256) = 3         # MAX_NET_TOKENS is 2**3
MAX_NET_SWAPS: constant(uint256) = 64
MAX_ENTRY: constant(uint256) = 4096
MAX_ENTRIES: constant(uint256) = 16
SETTLE: constant(bytes4) = method_id(
    "settle((address[],(address,address,uint8,address,uint256,uint256)[],uint256,uint256,uint256,uint256,address,bytes32),bytes[],(uint256,uint256,uint256,uint256,uint256,bytes32,bytes32)[])",
    output_type=bytes4,
)
CALL_OVERHEAD: constant(uint256) = 20_000
INDEX: constant(uint256) = 255
LOTS: constant(uint256) = 2**64 - 1
SUB_ACCOUNT: constant(uint256) = 2**96 - 1


@deploy
def __init__(permit2: address):
    """
    @param permit2 The chain's canonical Permit2.
    """
    typed_data.__init__()
    transfers.__init__(permit2)


# Swaps


@external
@nonreentrant
def swap(swap: ISettlement.Swap, signature: ISettlement.Signature):
    """
    @notice Take a maker's quote: the maker has signed, the taker sends.
    """
    assert swap.taker == msg.sender or swap.taker == empty(address), "taker"
    assert block.timestamp <= swap.deadline, "expired"
    trade_hash: bytes32 = typed_data._hash_swap(swap)
    assert signatures._signed_compact(swap.maker, trade_hash, signature.r, signature.vs), "signature"
    nonces._use_swap(swap.maker, swap.nonce)
    transfers._transfer(swap.taker_token, msg.sender, swap.maker, swap.taker_amount)
    transfers._transfer(swap.maker_token, swap.maker, msg.sender, swap.maker_amount)
    log ISettlement.SwapSettled(trade_hash=trade_hash, maker=swap.maker, taker=msg.sender)


@external
@nonreentrant
def swap_relayed(swap: ISettlement.Swap, maker: ISettlement.Signature, taker: ISettlement.Signature):
    """
    @notice Settle a swap that both have signed; anybody sends.
    """
    assert block.timestamp <= swap.deadline, "expired"
    trade_hash: bytes32 = typed_data._hash_swap(swap)
    assert signatures._signed_compact(swap.maker, trade_hash, maker.r, maker.vs), "signature"
    assert signatures._signed_compact(swap.taker, trade_hash, taker.r, taker.vs), "signature"
    nonces._use_swap(swap.maker, swap.nonce)
    transfers._transfer(swap.taker_token, swap.taker, swap.maker, swap.taker_amount)
    transfers._transfer(swap.maker_token, swap.maker, swap.taker, swap.maker_amount)
    log ISettlement.SwapSettled(trade_hash=trade_hash, maker=swap.maker, taker=swap.taker)


@external
@nonreentrant
def swap_approved(
    swap: ISettlement.Swap,
    maker: Bytes[MAX_SIGNATURE],
    taker: Bytes[MAX_SIGNATURE],
    approvals: DynArray[ISettlement.Approval, 2],
):
    """
    @notice As `swap` (when the taker sends; its signature is then ignored) or `swap_relayed`, with signed approvals and
            signatures of any form.
    """
    assert block.timestamp <= swap.deadline, "expired"
    trade_hash: bytes32 = typed_data._hash_swap(swap)
    assert signatures._signed(swap.maker, trade_hash, maker), "signature"
    payer: address = swap.taker
    if payer == empty(address):
        payer = msg.sender
    assert payer == msg.sender or signatures._signed(payer, trade_hash, taker), "taker"
    nonces._use_swap(swap.maker, swap.nonce)
    makers_leg: ISettlement.Leg = ISettlement.Leg(
        giver=swap.maker,
        receiver=payer,
        kind=transfers.ERC20,
        token=swap.maker_token,
        id=0,
        amount=swap.maker_amount,
    )
    takers_leg: ISettlement.Leg = ISettlement.Leg(
        giver=payer,
        receiver=swap.maker,
        kind=transfers.ERC20,
        token=swap.taker_token,
        id=0,
        amount=swap.taker_amount,
    )
    brought: uint256 = 0
    if brought < len(approvals) and approvals[brought].leg == 0:
        transfers._pull_approved(makers_leg, approvals[brought], trade_hash)
        brought = 1
    else:
        transfers._pull(makers_leg)
    if brought < len(approvals) and approvals[brought].leg == 1:
        transfers._pull_approved(takers_leg, approvals[brought], trade_hash)
        brought = unsafe_add(brought, 1)
    else:
        transfers._pull(takers_leg)
    assert brought == len(approvals), "approval"
    log ISettlement.SwapSettled(trade_hash=trade_hash, maker=swap.maker, taker=payer)


# Trades


@external
@payable
@nonreentrant
def settle(
    trade: ISettlement.Trade,
    signed: DynArray[Bytes[MAX_SIGNATURE], MAX_PARTIES],
    approvals: DynArray[ISettlement.Approval, MAX_LEGS],
) -> bytes32:
    """
    @notice Settle one trade. Signatures stand in the order of the parties; the sender's own may be empty.
    @return The trade's EIP-712 hash.
    """
    assert block.timestamp >= trade.valid_after, "early"
    assert block.timestamp <= trade.deadline, "expired"
    assert trade.submitter == empty(address) or trade.submitter == msg.sender, "submitter"
    assert len(signed) == len(trade.parties), "parties"
    scope: bytes32 = typed_data._scope(trade.parties)
    trade_hash: bytes32 = typed_data._hash_trade(trade, scope)
    last: uint256 = 0
    index: uint256 = 0
    for party: address in trade.parties:
        assert convert(party, uint256) > last, "parties"
        assert party != self, "parties"
        last = convert(party, uint256)
        assert party == msg.sender or signatures._signed(party, trade_hash, signed[index]), "signature"
        index = unsafe_add(index, 1)
    nonces._use_trade(scope, trade.parties, trade.nonce_word, trade.nonce_mask)

    positions: DynArray[IPositionLedger.PositionMove, MAX_LEGS] = []
    ledger: address = empty(address)
    spent: uint256 = 0
    brought: uint256 = 0
    index = 0
    for leg: ISettlement.Leg in trade.legs:
        assert leg.giver in trade.parties and leg.receiver in trade.parties, "party"
        if leg.kind == transfers.POSITION:
            assert len(positions) == 0 or ledger == leg.token, "ledger"
            assert leg.amount & LOTS != 0, "leg"
            ledger = leg.token
            positions.append(
                IPositionLedger.PositionMove(
                    giver=(convert(leg.giver, uint256) << 96) | ((leg.amount >> 64) & SUB_ACCOUNT),
                    receiver=(convert(leg.receiver, uint256) << 96) | (leg.amount >> 160),
                    series=leg.id,
                    lots=leg.amount & LOTS,
                )
            )
        else:
            if brought < len(approvals) and approvals[brought].leg == index:
                transfers._pull_approved(leg, approvals[brought], trade_hash)
                brought = unsafe_add(brought, 1)
            else:
                spent += transfers._move(leg, msg.sender)
        index = unsafe_add(index, 1)
    assert spent == msg.value, "value"
    assert brought == len(approvals), "approval"
    if len(positions) != 0:
        extcall IPositionLedger(ledger).settle_positions(trade_hash, positions)
    log ISettlement.TradeSettled(trade_hash=trade_hash, scope=scope)
    return trade_hash


@external
def settle_batch(entries: DynArray[Bytes[MAX_ENTRY], MAX_ENTRIES], gas_caps: DynArray[uint256, MAX_ENTRIES]) -> uint256:
    """
    @notice Settle independent trades. One that fails is skipped and reported; the rest go on.
    @dev Each entry is a call of `settle` from this contract to itself, which is nobody's identity: in a batch every party
         must have signed, no trade may name a submitter, and no native asset moves. Each takes the lock by itself.
    @param entries Each the ABI-encoded arguments of `settle`.
    @param gas_caps What each entry may use, so that none can starve the others.
    @return Bit i is set when entry i settled.
    """
    assert len(entries) == len(gas_caps), "length"
    settled: uint256 = 0
    index: uint256 = 0
    for entry: Bytes[MAX_ENTRY] in entries:
        # At most 63/64 of what is left can be passed on: with less, a skip could be the sender's doing.
        assert msg.gas - (msg.gas >> 6) > gas_caps[index] + CALL_OVERHEAD, "gas"
        success: bool = False
        answer: Bytes[100] = b""
        success, answer = raw_call(
            self, concat(SETTLE, entry), max_outsize=100, gas=gas_caps[index], revert_on_failure=False
        )
        if success:
            settled |= 1 << index
        else:
            log ISettlement.EntrySkipped(entry=index, reason=answer)
        index = unsafe_add(index, 1)
    return settled


@external
@nonreentrant
def deposit(
    ledger: address,
    account: uint256,
    token: address,
    amount: uint256,
    approvals: DynArray[ISettlement.Approval, 1],
):
    """
    @notice Bring the sender's tokens to an account of a margin ledger, which is credited with what arrives.
    @param approvals One in place of the standing allowance; Permit2 and ERC-3009 bind it to the hash of the other arguments.
    """
    before: uint256 = staticcall IERC20(token).balanceOf(ledger)
    if len(approvals) == 0:
        transfers._transfer(token, msg.sender, ledger, amount)
    else:
        leg: ISettlement.Leg = ISettlement.Leg(
            giver=msg.sender, receiver=ledger, kind=transfers.ERC20, token=token, id=0, amount=amount
        )
        transfers._pull_approved(leg, approvals[0], keccak256(abi_encode(ledger, account, token, amount)))
    arrived: uint256 = staticcall IERC20(token).balanceOf(ledger) - before
    extcall IPositionLedger(ledger).credit(account, token, arrived, msg.sender)


@external
@nonreentrant
def settle_net(
    parties: DynArray[address, MAX_NET_PARTIES],
    tokens: DynArray[address, MAX_NET_TOKENS],
    swaps: DynArray[ISettlement.NetSwap, MAX_NET_SWAPS],
    moves: DynArray[ISettlement.NetMove, MAX_NET_SWAPS],
):
    """
    @notice Settle many swaps, each signed by both sides with the netting bit in its nonce, by moving only what remains between them.
    @param parties Strictly ascending; signatures of the sender itself are not looked at.
    @param tokens Strictly ascending.
    @param moves Each from a debtor to a creditor, at most what either has left; together they leave nothing.
    """
    self._assert_ascending(parties)
    self._assert_ascending(tokens)
    owed: int256[MAX_NET_PARTIES * MAX_NET_TOKENS] = empty(int256[MAX_NET_PARTIES * MAX_NET_TOKENS])
    hashes: DynArray[bytes32, MAX_NET_SWAPS] = []
    for item: ISettlement.NetSwap in swaps:
        maker: uint256 = item.route & INDEX
        taker: uint256 = (item.route >> 8) & INDEX
        maker_token: uint256 = (item.route >> 16) & INDEX
        taker_token: uint256 = (item.route >> 24) & INDEX
        deadline: uint256 = item.route >> 32
        swap: ISettlement.Swap = ISettlement.Swap(
            maker=parties[maker],
            taker=parties[taker],
            maker_token=tokens[maker_token],
            maker_amount=item.maker_amount,
            taker_token=tokens[taker_token],
            taker_amount=item.taker_amount,
            nonce=item.nonce,
            deadline=deadline,
            terms=item.terms,
        )
        assert item.nonce >> 255 == 1, "netting"
        assert block.timestamp <= deadline, "expired"
        trade_hash: bytes32 = typed_data._hash_swap(swap)
        assert swap.maker == msg.sender or signatures._signed_compact(swap.maker, trade_hash, item.maker_r, item.maker_vs), "signature"
        assert swap.taker == msg.sender or signatures._signed_compact(swap.taker, trade_hash, item.taker_r, item.taker_vs), "signature"
        nonces._use_swap(swap.maker, item.nonce)
        amount: int256 = convert(item.maker_amount, int256)
        maker = maker << NET_SHIFT
        taker = taker << NET_SHIFT
        owed[maker | maker_token] += amount
        owed[taker | maker_token] -= amount
        amount = convert(item.taker_amount, int256)
        owed[taker | taker_token] += amount
        owed[maker | taker_token] -= amount
        hashes.append(trade_hash)
    for move: ISettlement.NetMove in moves:
        giver: uint256 = move.route & INDEX
        receiver: uint256 = (move.route >> 8) & INDEX
        token: uint256 = move.route >> 16
        debit: uint256 = (giver << NET_SHIFT) | token
        credit: uint256 = (receiver << NET_SHIFT) | token
        amount: int256 = convert(move.amount, int256)
        assert amount <= owed[debit] and amount <= -owed[credit], "move"
        owed[debit] -= amount
        owed[credit] += amount
        # An ERC-721 has the same `transferFrom`, but ids do not add up to amounts: it knows no allowance, and reverts here.
        allowed: uint256 = staticcall IERC20(tokens[token]).allowance(parties[giver], self)
        transfers._transfer(tokens[token], parties[giver], parties[receiver], move.amount)
    for entry: int256 in owed:
        assert entry == 0, "net"
    log ISettlement.NetSettled(trade_hashes=hashes)


@external
def cancel_trade(parties: DynArray[address, MAX_PARTIES], word: uint256, mask: uint256):
    """
    @notice Give notice, alone, that these bits of the parties' word will count as used 60 seconds from now.
            All together cancel at once: by a trade that has the mask and no legs.
    """
    scope: bytes32 = typed_data._scope(parties)
    effective_at: uint256 = nonces._give_notice(scope, parties, msg.sender, word, mask)
    log ISettlement.NoticeGiven(scope=scope, party=msg.sender, nonce_word=word, nonce_mask=mask, effective_at=effective_at)


@external
@view
def used_trades(parties: DynArray[address, MAX_PARTIES], word: uint256) -> uint256:
    """
    @notice The bits of a word that are used or cancelled as of now. Bit 255 only says that notices were given.
    """
    return nonces._settled_bits(typed_data._scope(parties), parties, word)


@external
@view
def hash_swap(swap: ISettlement.Swap) -> bytes32:
    return typed_data._hash_swap(swap)


@external
@view
def hash_trade(trade: ISettlement.Trade) -> bytes32:
    return typed_data._hash_trade(trade, typed_data._scope(trade.parties))


@internal
@pure
def _assert_ascending(addresses: DynArray[address, MAX_NET_PARTIES]):
    """
    @notice Each address once, so that a party's net in a token is one entry.
    """
    last: uint256 = 0
    for item: address in addresses:
        assert convert(item, uint256) > last, "order"
        last = convert(item, uint256)
