# pragma version 0.4.3
"""
@title What proofs of auctions start from
@license MIT
@notice An Auction, a Ledger with an account and a bidder that stand in any way, and a backstop with any room. The account may hold one
        position; nothing expires while it is sold, and nothing waits for a fixing, unless a proof says so.
"""

from . import cheats


struct Stand:
    equity: int256
    maintenance: uint256
    initial: uint256
    rest: int256


struct Held:
    cash: int256
    markets: uint256
    header: uint256
    word: uint256


# A stand within bounds that keep sums from overflowing.
struct Bounded:
    equity: int96
    maintenance: uint96
    initial: uint96
    rest: int96


interface Auctions:
    def place(account: uint256, word: uint256): nonpayable
    def word(account: uint256) -> uint256: view


interface Accounts:
    def place(account: uint256, before: Stand, after: Stand, held: Held): nonpayable
    def expect(victim: uint256, bidder: uint256, pool: uint256): nonpayable
    def strangers() -> bool: view
    def sold() -> uint256: view
    def barred() -> uint256: view
    def received(account: uint256) -> int256: view


interface Prices:
    def place(market: uint256, spot: uint256, candidate: uint256): nonpayable
    def place_array(series: uint256, array: uint256): nonpayable


interface Pool:
    def place(room: uint256, idle: uint256): nonpayable
    def funded() -> uint256: view
    def asked() -> uint256: view
    def paid() -> uint256: view
    def receiver() -> uint256: view


STRANGER: constant(address) = 0x00000000000000000000000000000000000000C1
BIDDER: constant(address) = 0x00000000000000000000000000000000000000b2
A: constant(uint256) = 177 * 2**96      # whose account it is
B: constant(uint256) = 178 * 2**96      # the bidder
ONE: constant(uint256) = 10**18
DURATION: constant(uint256) = 600
LIFE: constant(uint256) = 1_800
RUN_OFF: constant(uint256) = 2**80
BEFORE_EXPIRY: constant(uint256) = 1_704_096_000
LATEST: constant(uint256) = 1_704_096_000 + 700 * 86_400
SERIES: constant(uint256) = 700 * 2**22 + 3_000 * 2**2
LOTS: constant(uint256) = 7

AUCTION: immutable(address)
LEDGER: immutable(address)
RISK: immutable(address)
BACKSTOP: immutable(address)
POOL: immutable(uint256)


@deploy
def __init__():
    LEDGER = raw_create(cheats._code("Accounts.sol:Accounts"))
    RISK = raw_create(cheats._code("Prices.sol:Prices"))
    BACKSTOP = raw_create(cheats._code("Pool.sol:Pool"))
    AUCTION = raw_create(cheats._code("Auctions.sol:Auctions"), LEDGER, RISK, BACKSTOP)
    POOL = convert(BACKSTOP, uint256) << 96
    cheats._from_any_state(RISK)
    extcall Accounts(LEDGER).expect(A, B, POOL)


@internal
@pure
def _stand(bounded: Bounded) -> Stand:
    return Stand(
        equity=convert(bounded.equity, int256),
        maintenance=convert(bounded.maintenance, uint256),
        initial=convert(bounded.initial, uint256),
        rest=convert(bounded.rest, int256),
    )


@internal
@pure
def _worth(bounded: Bounded) -> int256:
    """
    @notice Equity with what has no price.
    """
    return convert(bounded.equity, int256) + convert(bounded.rest, int256)


@internal
@pure
def _position(lots: uint256) -> Held:
    return Held(cash=0, markets=1, header=1, word=(SERIES << 28) | lots)


@internal
def _place_sale(before: Stand, after: Stand, held: Held):
    """
    @notice The account stands so before and after; the bidder has what it has to spare afterwards.
    """
    extcall Accounts(LEDGER).place(A, before, after, held)


@internal
def _place_auction(started_at: uint256, insolvent_at: uint256, lowest: uint256, run_off: bool):
    word: uint256 = started_at | (insolvent_at << 40) | (convert(run_off, uint256) << 80) | (lowest << 128)
    extcall Auctions(AUCTION).place(A, word)


@internal
def _place_any_auction(word: uint256):
    extcall Auctions(AUCTION).place(A, word)


@internal
def _succeeds(sender: address, data: Bytes[164]) -> bool:
    cheats._send_as(sender)
    return raw_call(AUCTION, data, revert_on_failure=False)


@internal
def _starts() -> bool:
    return self._succeeds(STRANGER, abi_encode(A, method_id=method_id("start(uint256)")))


@internal
def _ends() -> bool:
    return self._succeeds(STRANGER, abi_encode(A, method_id=method_id("end(uint256)")))


@internal
def _is_rescued() -> bool:
    return self._succeeds(STRANGER, abi_encode(A, method_id=method_id("rescue(uint256)")))


@internal
def _is_run_off() -> bool:
    return self._succeeds(STRANGER, abi_encode(A, method_id=method_id("run_off(uint256)")))


@internal
def _bids(most: uint256, least: uint256, limit: int256) -> bool:
    zero: uint256 = 0
    return self._succeeds(
        BIDDER, abi_encode(A, zero, most, least, limit, method_id=method_id("bid(uint256,uint256,uint256,uint256,int256)"))
    )


@internal
def _takes_over(limit: int256) -> bool:
    zero: uint256 = 0
    return self._succeeds(BIDDER, abi_encode(A, zero, limit, method_id=method_id("take_over(uint256,uint256,int256)")))
