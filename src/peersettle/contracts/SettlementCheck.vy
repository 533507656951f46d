# pragma version 0.4.3
# pragma optimize codesize
# pragma evm-version cancun
"""
@title SettlementCheck
@license MIT
@notice Every reason why a trade would not settle, with the values, before anything is sent.
@dev How do you stop this? There is nothing to stop: it has no state and no authority. It stands outside Settlement
     because only readers need it. Tokens are asked by calls that may fail without failing the check. What only a
     dry run can tell (a blacklist, a pause, a fee, a permit's signature, a ledger's margin) is not judged here; nor is one permit counted for two legs.
"""

from .interfaces import ISettlement
from .modules import signatures
from .modules import transfers

MAX_PROBLEMS: constant(uint256) = 128
NOTICE_FLAG: constant(uint256) = 2**255
ASK_GAS: constant(uint256) = 300_000      # a token that burns all gas must not stop the check

# Codes of ISettlement.Problem: what index, available and required mean.
SUBMITTER: constant(uint256) = 1    # -, the sender, the submitter signed for
EARLY: constant(uint256) = 2        # -, now, valid_after
EXPIRED: constant(uint256) = 3      # -, now, deadline
PARTIES: constant(uint256) = 4      # party that is out of order, zero or Settlement itself
SIGNATURES: constant(uint256) = 5   # -, signatures given, parties
SIGNATURE: constant(uint256) = 6    # party that has not signed and does not send
MASK: constant(uint256) = 7         # -, the mask: empty, or with the reserved top bit
NONCE: constant(uint256) = 8        # -, bits already used, bits wanted
PARTY: constant(uint256) = 9        # leg whose giver or receiver is no party
LEG: constant(uint256) = 10         # leg with a field that its kind does not use, or without an amount it needs
KIND: constant(uint256) = 11        # leg, its kind
LEDGER: constant(uint256) = 12      # leg on a second ledger, or on none
TOKEN: constant(uint256) = 13       # leg whose token has no code or does not answer
BALANCE: constant(uint256) = 14     # leg, what its giver will have at that moment, what it needs
ALLOWANCE: constant(uint256) = 15   # leg, what its giver has allowed, what all its legs up to this one need
APPROVAL: constant(uint256) = 16    # leg, the approval's amount (zero when expired or of no use here), what it needs
NATIVE: constant(uint256) = 17      # leg whose giver is not the sender
VALUE: constant(uint256) = 18       # -, native amount sent, sum of the native legs
TAKER: constant(uint256) = 19       # -, the sender, the taker: it neither sends nor has signed

SETTLEMENT: public(immutable(address))


@deploy
def __init__(settlement: address):
    SETTLEMENT = settlement


@external
@view
def check(
    trade: ISettlement.Trade,
    signed: DynArray[Bytes[768], 8],
    approvals: DynArray[ISettlement.Approval, 16],
    sender: address,
    native: uint256,
) -> DynArray[ISettlement.Problem, MAX_PROBLEMS]:
    """
    @notice What would stop `settle(trade, signed, approvals)`, sent now by `sender` with `native` wei.
    """
    problems: DynArray[ISettlement.Problem, MAX_PROBLEMS] = []
    if trade.submitter != empty(address) and trade.submitter != sender:
        problems.append(self._problem(SUBMITTER, 0, convert(sender, uint256), convert(trade.submitter, uint256)))
    if block.timestamp < trade.valid_after:
        problems.append(self._problem(EARLY, 0, block.timestamp, trade.valid_after))
    if block.timestamp > trade.deadline:
        problems.append(self._problem(EXPIRED, 0, block.timestamp, trade.deadline))
    if len(signed) != len(trade.parties):
        problems.append(self._problem(SIGNATURES, 0, len(signed), len(trade.parties)))
    trade_hash: bytes32 = staticcall ISettlement(SETTLEMENT).hash_trade(trade)
    last: uint256 = 0
    index: uint256 = 0
    for party: address in trade.parties:
        if convert(party, uint256) <= last or party == SETTLEMENT:
            problems.append(self._problem(PARTIES, index, 0, 0))
        last = convert(party, uint256)
        if party != sender and (index >= len(signed) or not signatures._signed(party, trade_hash, signed[index])):
            problems.append(self._problem(SIGNATURE, index, 0, 0))
        index += 1
    if trade.nonce_mask == 0 or trade.nonce_mask >= NOTICE_FLAG:
        problems.append(self._problem(MASK, 0, trade.nonce_mask, 0))
    used: uint256 = staticcall ISettlement(SETTLEMENT).used_trades(trade.parties, trade.nonce_word)
    if used & trade.nonce_mask & ~NOTICE_FLAG != 0:
        problems.append(self._problem(NONCE, 0, used & trade.nonce_mask, trade.nonce_mask))
    index = 0
    for leg: ISettlement.Leg in trade.legs:
        if leg.giver not in trade.parties or leg.receiver not in trade.parties:
            problems.append(self._problem(PARTY, index, 0, 0))
        index += 1
    return self._check_legs(trade.legs, approvals, sender, native, problems)


@external
@view
def check_swap(
    swap: ISettlement.Swap,
    maker: Bytes[768],
    taker: Bytes[768],
    approvals: DynArray[ISettlement.Approval, 16],
    sender: address,
) -> DynArray[ISettlement.Problem, MAX_PROBLEMS]:
    """
    @notice What would stop the swap, sent now by `sender`: by `swap` when it is the taker, else by `swap_relayed`.
            Leg and party 0 are the maker's, 1 the taker's.
    """
    problems: DynArray[ISettlement.Problem, MAX_PROBLEMS] = []
    if block.timestamp > swap.deadline:
        problems.append(self._problem(EXPIRED, 0, block.timestamp, swap.deadline))
    trade_hash: bytes32 = staticcall ISettlement(SETTLEMENT).hash_swap(swap)
    if not signatures._signed(swap.maker, trade_hash, maker):
        problems.append(self._problem(SIGNATURE, 0, 0, 0))
    payer: address = swap.taker
    if payer == empty(address):
        payer = sender
    if payer != sender and not signatures._signed(payer, trade_hash, taker):
        problems.append(self._problem(TAKER, 0, convert(sender, uint256), convert(swap.taker, uint256)))
    bit: uint256 = 1 << (swap.nonce & 255)
    if staticcall ISettlement(SETTLEMENT).used_swaps(swap.maker, swap.nonce >> 8) & bit != 0:
        problems.append(self._problem(NONCE, 0, bit, bit))
    legs: DynArray[ISettlement.Leg, 16] = [
        ISettlement.Leg(
            giver=swap.maker,
            receiver=payer,
            kind=transfers.ERC20,
            token=swap.maker_token,
            id=0,
            amount=swap.maker_amount,
        ),
        ISettlement.Leg(
            giver=payer,
            receiver=swap.maker,
            kind=transfers.ERC20,
            token=swap.taker_token,
            id=0,
            amount=swap.taker_amount,
        ),
    ]
    return self._check_legs(legs, approvals, sender, 0, problems)


@internal
@view
def _check_legs(
    legs: DynArray[ISettlement.Leg, 16],
    approvals: DynArray[ISettlement.Approval, 16],
    sender: address,
    native: uint256,
    found: DynArray[ISettlement.Problem, MAX_PROBLEMS],
) -> DynArray[ISettlement.Problem, MAX_PROBLEMS]:
    problems: DynArray[ISettlement.Problem, MAX_PROBLEMS] = found
    ledger: address = empty(address)
    spent: uint256 = 0
    brought: uint256 = 0
    index: uint256 = 0
    for leg: ISettlement.Leg in legs:
        approval: ISettlement.Approval = empty(ISettlement.Approval)
        if brought < len(approvals) and approvals[brought].leg == index:
            approval = approvals[brought]
            brought += 1
            if leg.kind > transfers.ERC20_EXACT:
                problems.append(self._problem(APPROVAL, index, 0, leg.amount))
        if leg.kind == transfers.POSITION:
            if (ledger != empty(address) and ledger != leg.token) or not leg.token.is_contract:
                problems.append(self._problem(LEDGER, index, 0, 0))
            if leg.amount & (2**64 - 1) == 0:
                problems.append(self._problem(LEG, index, 0, 0))
            ledger = leg.token
        elif leg.kind == transfers.NATIVE:
            if leg.giver != sender:
                problems.append(self._problem(NATIVE, index, 0, 0))
            if leg.token != empty(address) or leg.id != 0:
                problems.append(self._problem(LEG, index, 0, 0))
            spent += leg.amount
        elif leg.kind > transfers.POSITION:
            problems.append(self._problem(KIND, index, convert(leg.kind, uint256), 0))
        elif not leg.token.is_contract:
            problems.append(self._problem(TOKEN, index, 0, 0))
        elif leg.kind == transfers.ERC721:
            if leg.amount != 1:
                problems.append(self._problem(LEG, index, leg.amount, 1))
            owner: uint256 = self._ask(leg.token, abi_encode(leg.id, method_id=method_id("ownerOf(uint256)")))
            approved: uint256 = self._ask(leg.token, abi_encode(leg.id, method_id=method_id("getApproved(uint256)")))
            for other: uint256 in range(index, bound=16):
                if legs[other].kind == leg.kind and legs[other].token == leg.token and legs[other].id == leg.id:
                    owner = convert(legs[other].receiver, uint256)
                    approved = 0    # a transfer clears it
            if owner != convert(leg.giver, uint256):
                problems.append(self._problem(BALANCE, index, 0, 1))
            if approved != convert(SETTLEMENT, uint256) and not self._operates(leg):
                problems.append(self._problem(ALLOWANCE, index, 0, 1))
        elif leg.kind == transfers.ERC1155:
            if leg.giver == leg.receiver and leg.amount != 0:
                problems.append(self._problem(LEG, index, leg.amount, 0))
            held: uint256 = self._ask(
                leg.token, abi_encode(leg.giver, leg.id, method_id=method_id("balanceOf(address,uint256)"))
            )
            held = self._at_leg(legs, index, held)
            if held < leg.amount:
                problems.append(self._problem(BALANCE, index, held, leg.amount))
            if not self._operates(leg):
                problems.append(self._problem(ALLOWANCE, index, 0, 1))
        else:
            if leg.id != 0:
                problems.append(self._problem(LEG, index, 0, 0))
            if leg.kind == transfers.ERC20_EXACT and leg.giver == leg.receiver and leg.amount != 0:
                problems.append(self._problem(LEG, index, leg.amount, 0))
            held: uint256 = self._ask(leg.token, abi_encode(leg.giver, method_id=method_id("balanceOf(address)")))
            held = self._at_leg(legs, index, held)
            if held < leg.amount:
                problems.append(self._problem(BALANCE, index, held, leg.amount))
            spender: address = SETTLEMENT
            if approval.method == transfers.PERMIT2:
                spender = staticcall ISettlement(SETTLEMENT).permit2()
            allowed: uint256 = self._ask(
                leg.token, abi_encode(leg.giver, spender, method_id=method_id("allowance(address,address)"))
            )
            if approval.method == transfers.STANDING or approval.method == transfers.PERMIT2:
                needed: uint256 = leg.amount
                if approval.method == transfers.STANDING:
                    needed = self._standing_need(legs, approvals, index)
                if allowed < needed:
                    problems.append(self._problem(ALLOWANCE, index, allowed, needed))
            if approval.method != transfers.STANDING:
                usable: uint256 = approval.amount
                late: bool = block.timestamp > approval.deadline
                if approval.method == transfers.ERC3009:
                    usable = leg.amount
                    late = block.timestamp >= approval.deadline     # its `validBefore` excludes the moment itself
                if approval.method > transfers.ERC3009 or late:
                    usable = 0
                # A permit is best effort: what stands already serves as well.
                if usable < leg.amount and not (approval.method == transfers.ERC2612 and allowed >= leg.amount):
                    problems.append(self._problem(APPROVAL, index, usable, leg.amount))
        index += 1
    if brought < len(approvals):
        problems.append(self._problem(APPROVAL, approvals[brought].leg, 0, 0))
    if spent != native:
        problems.append(self._problem(VALUE, 0, native, spent))
    return problems


@internal
@pure
def _problem(code: uint256, index: uint256, available: uint256, required: uint256) -> ISettlement.Problem:
    return ISettlement.Problem(code=code, index=index, available=available, required=required)


@internal
@view
def _ask(token: address, question: Bytes[100]) -> uint256:
    """
    @notice One word from a token; zero when it reverts or answers nothing.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        token, question, max_outsize=32, gas=ASK_GAS, is_static_call=True, revert_on_failure=False
    )
    if success and len(answer) == 32:
        return convert(answer, uint256)
    return 0


@internal
@view
def _operates(leg: ISettlement.Leg) -> bool:
    return self._ask(
        leg.token, abi_encode(leg.giver, SETTLEMENT, method_id=method_id("isApprovedForAll(address,address)"))
    ) == 1


@internal
@pure
def _at_leg(legs: DynArray[ISettlement.Leg, 16], index: uint256, held: uint256) -> uint256:
    """
    @notice What the giver of a leg will hold of its token when the leg is reached; not below zero.
    """
    coming: uint256 = held
    going: uint256 = 0
    for other: uint256 in range(index, bound=16):
        if legs[other].token == legs[index].token and legs[other].id == legs[index].id and legs[other].kind < transfers.NATIVE:
            if legs[other].receiver == legs[index].giver:
                coming += min(legs[other].amount, max_value(uint256) - coming)
            if legs[other].giver == legs[index].giver:
                going += min(legs[other].amount, max_value(uint256) - going)
    return coming - min(coming, going)


@internal
@pure
def _standing_need(
    legs: DynArray[ISettlement.Leg, 16], approvals: DynArray[ISettlement.Approval, 16], index: uint256
) -> uint256:
    """
    @notice What the giver's standing allowance must cover: this leg and its earlier ones that bring no approval of their own.
    """
    needed: uint256 = legs[index].amount
    for other: uint256 in range(index, bound=16):
        if legs[other].giver != legs[index].giver or legs[other].token != legs[index].token:
            continue
        if legs[other].kind > transfers.ERC20_EXACT:
            continue
        has_own: bool = False
        for approval: ISettlement.Approval in approvals:
            if approval.leg == other:
                has_own = True
        if not has_own:
            needed += min(legs[other].amount, max_value(uint256) - needed)
    return needed
