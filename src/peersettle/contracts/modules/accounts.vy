# pragma version 0.4.3
"""
@title Accounts: one head word, and for each market a book of up to 32 positions
@license MIT
@notice An account is its owner's address and a sub-account: nothing is registered. Its book id lets a whole account change hands in two writes.
@dev Layouts, from bit 0:
     head     = markets 64 | book id 63 | in run-off 1 | cash 128 (wad, two's complement)
     header   = count 8 | addition 56 | requirement 56 | free 40 | collateral 96 (wad)
     position = lots 28 (two's complement) | kind 2 | strike 20 | day 14; four to a word from the low end, the greatest series first, so
                that what expires next stands at the end.
"""

MAX_WORDS: constant(uint256) = 8
MAX_POSITIONS: constant(uint256) = 32
MAX_MARKETS: constant(uint256) = 8
MARKETS_MASK: constant(uint256) = 2**64 - 1
BOOK_MASK: constant(uint256) = (2**63 - 1) << 64
RUN_OFF: constant(uint256) = 1 << 127
LOW_MASK: constant(uint256) = 2**128 - 1
ONE: constant(uint256) = 1
M64: constant(uint256) = 2**64 - 1
M63: constant(uint256) = 2**63 - 1
LOTS_MASK: constant(uint256) = 2**28 - 1
LOT_SIGN: constant(uint256) = 2**27
COUNT_MASK: constant(uint256) = 255
HEADER_MASK: constant(uint256) = 2**160 - 1
MOST_COLLATERAL: constant(uint256) = 2**94

heads: HashMap[uint256, uint256]        # owner << 96 | sub-account
books: uint256[2**62]                   # book id << 10 | market << 4: the header, then the words; no hash to find one
opened: uint256


@internal
@view
def _cash(account: uint256) -> int256:
    return self._cash_of(self.heads[account])


@internal
@pure
def _cash_of(head: uint256) -> int256:
    return convert(convert(head, bytes32), int256) >> 128


@internal
@pure
def _key(head: uint256, market: uint256) -> uint256:
    return (((head >> 64) & M63) << 10) | (market << 4)


@internal
def _pay(account: uint256, amount: int256):
    """
    @notice Add to an account's cash, or take from it; the caller judges what may become negative.
    """
    head: uint256 = self.heads[account]
    cash: int256 = self._cash_of(head) + amount
    assert cash >= -(2**127) and cash < 2**127, "amount"
    self.heads[account] = (convert(convert(cash, bytes32), uint256) << 128) | (head & LOW_MASK)


@internal
def _enter(account: uint256, market: uint256) -> uint256:
    """
    @notice The key of the account's book in a market, which becomes one of its markets.
    """
    head: uint256 = self.heads[account]
    bit: uint256 = 1 << market
    if head & bit == 0:
        if head & BOOK_MASK == 0:
            self.opened += 1
            head |= self.opened << 64
        held: uint256 = 0
        left: uint256 = head & MARKETS_MASK
        for _: uint256 in range(MAX_MARKETS):
            if left == 0:
                break
            left &= left - 1
            held += 1
        assert held < MAX_MARKETS, "markets"
        self.heads[account] = head | bit
    return self._key(head, market)


@internal
def _leave(account: uint256, market: uint256):
    """
    @notice An empty book is no market of the account any more.
    """
    self.heads[account] &= ~(1 << market)


@internal
@view
def _words(key: uint256, count: uint256) -> DynArray[uint256, MAX_WORDS]:
    words: DynArray[uint256, MAX_WORDS] = []
    for index: uint256 in range(unsafe_add(count, 3) >> 2, bound=MAX_WORDS):
        words.append(self.books[unsafe_add(key, unsafe_add(index, 1))])
    return words


@internal
def _add_collateral(key: uint256, amount: int256):
    header: uint256 = self.books[key]
    collateral: int256 = convert(header >> 160, int256) + amount
    assert collateral >= 0, "collateral"
    assert collateral < convert(MOST_COLLATERAL, int256), "amount"
    self.books[key] = (convert(collateral, uint256) << 160) | (header & HEADER_MASK)


@internal
def _add(key: uint256, series: uint256, lots: int256) -> int256:
    """
    @notice Change one position. Returns by how much the account's long side of the series grew.
    """
    header: uint256 = self.books[key]
    count: uint256 = header & COUNT_MASK
    words: uint256 = unsafe_add(count, 3) >> 2
    slot: uint256 = 1
    word: uint256 = 0
    place: uint256 = 0      # bit offset in the word
    found: bool = False
    passed: bool = False
    for _: uint256 in range(words, bound=MAX_WORDS):
        word = self.books[unsafe_add(key, slot)]
        place = 0
        rest: uint256 = word
        for _i: uint256 in range(4):
            held: uint256 = (rest & M64) >> 28
            if held <= series:
                found = held == series
                passed = True
                break
            rest = rest >> 64
            place = unsafe_add(place, 64)
        if passed:
            break
        slot = unsafe_add(slot, 1)
    if not passed:
        word = 0
        place = 0
    before: int256 = 0
    if found:
        field: uint256 = (word >> place) & LOTS_MASK
        before = unsafe_sub(convert(field & (LOT_SIGN - 1), int256), convert(field & LOT_SIGN, int256))
    after: int256 = before + lots
    assert abs(after) < convert(LOT_SIGN, int256), "lots"
    position: uint256 = (series << 28) | (convert(convert(after, bytes32), uint256) & LOTS_MASK)
    below: uint256 = unsafe_sub(ONE << place, 1)
    if found and after != 0:
        self.books[unsafe_add(key, slot)] = (word & ~(M64 << place)) | (position << place)
    elif found:
        # Take the position out: everything behind it moves up by one.
        tail: uint256 = (word >> place) >> 64
        low: uint256 = word & below
        for _: uint256 in range(MAX_WORDS):
            if slot >= words:
                break
            following: uint256 = self.books[unsafe_add(key, unsafe_add(slot, 1))]
            self.books[unsafe_add(key, slot)] = low | (tail << place) | ((following & M64) << 192)
            slot = unsafe_add(slot, 1)
            low = 0
            place = 0
            tail = following >> 64
        self.books[unsafe_add(key, slot)] = low | (tail << place)
        self.books[key] = unsafe_sub(header, 1)
    elif after != 0:
        assert count < MAX_POSITIONS, "full"
        # Put it in: everything behind it moves down by one.
        carried: uint256 = position
        for _: uint256 in range(MAX_WORDS):
            out: uint256 = word >> 192
            low: uint256 = word & below
            self.books[unsafe_add(key, slot)] = low | (carried << place) | ((word >> place) << place << 64)
            if slot >= words:
                if out != 0 and slot == words:
                    self.books[unsafe_add(key, unsafe_add(slot, 1))] = out
                break
            carried = out
            slot = unsafe_add(slot, 1)
            word = self.books[unsafe_add(key, slot)]
            below = 0
            place = 0
        self.books[key] = unsafe_add(header, 1)
    return max(after, 0) - max(before, 0)
