# pragma version 0.4.3
"""
@title Netting pays what the swaps would have paid, and only from debtors to creditors
@license MIT
@dev Bounds: two parties, two tokens, one swap (deep: two, one each way) of any amounts below 2**128, and two moves between
     them of any amounts. Both parties have signed by their keys.
"""

from peersettle.contracts.interfaces import ISettlement
from lib import cheats
from lib import world

initializes: world


# A move between the two parties as the prover chooses it, and as the indices that it stands for.
struct Choice:
    token: bool
    back: bool
    amount: uint256


struct Move:
    token: uint256
    giver: uint256
    receiver: uint256
    amount: uint256


DEADLINE: constant(uint256) = 2**64
MAX_AMOUNT: constant(uint256) = 2**128


@deploy
def __init__():
    world.__init__()


@external
def check_net_pays_gross_from_debtors_to_creditors(item: ISettlement.NetSwap, first: Choice, second: Choice):
    moves: DynArray[Move, 2] = [self._chosen(first), self._chosen(second)]
    owed: int256[4] = self._owed(0, item)
    self._settle([self._signed(0, item)], moves)
    self._prove_net(owed, moves)


@external
def check_net_moves_nothing_from_a_party_to_itself(item: ISettlement.NetSwap, token: bool, party: bool, amount: uint256):
    move: Move = self._chosen(Choice(token=token, back=party, amount=amount))
    move.receiver = move.giver
    owed: int256[4] = self._owed(0, item)
    self._settle([self._signed(0, item)], [move])
    cheats._prove(amount == 0)


@external
def check_deep_net_of_two_swaps_pays_gross(
    item: ISettlement.NetSwap, back: ISettlement.NetSwap, first: Choice, second: Choice
):
    moves: DynArray[Move, 2] = [self._chosen(first), self._chosen(second)]
    owed: int256[4] = self._owed(0, item)
    returned: int256[4] = self._owed(1, back)
    for entry: uint256 in range(4):
        owed[entry] += returned[entry]
    self._settle([self._signed(0, item), self._signed(1, back)], moves)
    self._prove_net(owed, moves)


@external
def check_reach_net_with_two_moves(item: ISettlement.NetSwap, first: uint256, second: uint256):
    cheats._assume(first != 0 and second != 0)
    signed: ISettlement.NetSwap = self._signed(0, item)
    moves: DynArray[Move, 2] = [
        Move(token=0, giver=0, receiver=1, amount=first),
        Move(token=1, giver=1, receiver=0, amount=second),
    ]
    self._settle([signed], moves)
    cheats._reached()


@internal
@pure
def _chosen(choice: Choice) -> Move:
    """
    @notice A path for each route, so that no path computes with an unknown index.
    """
    move: Move = Move(token=0, giver=0, receiver=1, amount=choice.amount)
    if choice.token:
        move.token = 1
    if choice.back:
        move.giver = 1
        move.receiver = 0
    return move


@internal
def _owed(maker: uint256, item: ISettlement.NetSwap) -> int256[4]:
    """
    @return What the swap by itself takes from each party (2 * party + token).
    """
    cheats._assume(item.maker_amount < MAX_AMOUNT and item.taker_amount < MAX_AMOUNT)
    given: int256 = convert(item.maker_amount, int256)
    taken: int256 = convert(item.taker_amount, int256)
    if maker == 0:
        return [given, -taken, -given, taken]
    return [-given, taken, given, -taken]


@internal
def _signed(maker: uint256, item: ISettlement.NetSwap) -> ISettlement.NetSwap:
    """
    @notice A swap of the first token against the second, by either party, which both have signed.
    """
    parties: address[2] = [world.P, world.Q]
    swap: ISettlement.Swap = ISettlement.Swap(
        maker=parties[maker],
        taker=parties[1 - maker],
        maker_token=world.TOKEN_A,
        maker_amount=item.maker_amount,
        taker_token=world.TOKEN_B,
        taker_amount=item.taker_amount,
        nonce=item.nonce,
        deadline=DEADLINE,
        terms=item.terms,
    )
    digest: bytes32 = staticcall ISettlement(world.SETTLEMENT).hash_swap(swap)
    world._assume_signed(swap.maker, digest, ISettlement.Signature(r=item.maker_r, vs=item.maker_vs))
    world._assume_signed(swap.taker, digest, ISettlement.Signature(r=item.taker_r, vs=item.taker_vs))
    signed: ISettlement.NetSwap = item
    signed.route = (DEADLINE << 32) | (1 << 24) | ((1 - maker) << 8) | maker
    return signed


@internal
def _settle(swaps: DynArray[ISettlement.NetSwap, 2], moves: DynArray[Move, 2]):
    net_moves: DynArray[ISettlement.NetMove, 2] = []
    for move: Move in moves:
        route: uint256 = (move.token << 16) | (move.receiver << 8) | move.giver
        net_moves.append(ISettlement.NetMove(route=route, amount=move.amount))
    cheats._send_as(world.RELAYER)
    extcall ISettlement(world.SETTLEMENT).settle_net([world.P, world.Q], [world.TOKEN_A, world.TOKEN_B], swaps, net_moves)


@internal
def _prove_net(owed: int256[4], moves: DynArray[Move, 2]):
    """
    @notice The tokens were asked for these moves and no others; together they leave nothing owed; none goes the wrong way.
    """
    parties: address[2] = [world.P, world.Q]
    tokens: address[2] = [world.TOKEN_A, world.TOKEN_B]
    counts: uint256[2] = [0, 0]
    left: int256[4] = owed
    for move: Move in moves:
        recorded: world.Move = world._move(tokens[move.token], counts[move.token])
        counts[move.token] += 1
        cheats._prove(recorded.giver == parties[move.giver] and recorded.receiver == parties[move.receiver])
        cheats._prove(recorded.amount == move.amount)
        debit: uint256 = 2 * move.giver + move.token
        credit: uint256 = 2 * move.receiver + move.token
        # A move of nothing may name anybody, as any `transferFrom` of nothing may.
        cheats._prove(move.amount == 0 or (owed[debit] > 0 and owed[credit] < 0))
        left[debit] = unsafe_sub(left[debit], convert(move.amount, int256))
        left[credit] = unsafe_add(left[credit], convert(move.amount, int256))
    cheats._prove(left[0] == 0 and left[1] == 0 and left[2] == 0 and left[3] == 0)
    cheats._prove(world._moves(world.TOKEN_A) == counts[0] and world._moves(world.TOKEN_B) == counts[1])
