# pragma version 0.4.3
"""
@title One position changes, by as much as it should, and the book stays in order
@license MIT
@dev From any book of so many positions: series descending, no position of nothing. The module is compiled in here.
"""

from peersettle.contracts.modules import accounts
from lib import cheats

initializes: accounts


# A change of a position, and a series that is watched meanwhile.
struct Change:
    series: uint256
    lots: int256
    watched: uint256


KEY: constant(uint256) = 5 * 2**10
SERIES_END: constant(uint256) = 2**36
MOST_LOTS: constant(int256) = 2**64
WORDS: constant(uint256) = 2


@deploy
def __init__():
    cheats._from_any_state(self)


@external
def check_a_change_in_a_book_of_2(words: uint256[WORDS], rest: uint256, change: Change):
    self._prove_change(words, 2, rest, change)


@external
def check_a_change_that_fills_a_word(lots: int32[4], change: Change):
    self._prove_change([self._word(90, lots), 0], 4, 0, change)


@external
def check_a_change_across_words(lots: int32[4], last: int32, change: Change):
    self._prove_change([self._word(90, lots), self._word(50, [last, 0, 0, 0])], 5, 0, change)


@internal
@pure
def _word(series: uint256, lots: int32[4]) -> uint256:
    """
    @notice Positions in series that descend by tens: only how they compare matters.
    """
    word: uint256 = 0
    for index: uint256 in range(4):
        if index != 0 and series == 50:
            break
        field: uint256 = self._raw(convert(lots[index], int256)) & accounts.LOTS_MASK
        word |= (((series - 10 * index) << 28) | field) << (64 * index)
    return word


@internal
def _prove_change(words: uint256[WORDS], count: uint256, rest: uint256, change: Change):
    cheats._assume(change.series != 0)
    cheats._assume(change.series < SERIES_END)
    cheats._assume(change.lots > -MOST_LOTS)
    cheats._assume(change.lots < MOST_LOTS)
    cheats._assume(self._is_ordered(words, count))
    was: int256 = self._lots(words, change.series)
    watched: int256 = self._lots(words, change.watched)
    header: uint256 = (rest << 8) | count
    accounts.books[KEY] = header
    for index: uint256 in range(WORDS):
        accounts.books[KEY + 1 + index] = words[index]
    grown: int256 = accounts._add(KEY, change.series, change.lots)
    after: uint256[WORDS] = empty(uint256[WORDS])
    for index: uint256 in range(WORDS):
        after[index] = accounts.books[KEY + 1 + index]
    left: uint256 = accounts.books[KEY]
    is_it: uint256 = unsafe_sub(0, convert(change.watched == change.series, uint256))
    expected: uint256 = unsafe_add(self._raw(watched), is_it & self._raw(change.lots))
    wrong: uint256 = (left ^ header) >> 8
    wrong |= convert(not self._is_ordered(after, left & 255), uint256)
    wrong |= self._raw(self._lots(after, change.watched)) ^ expected
    wrong |= self._raw(unsafe_sub(self._long(unsafe_add(was, change.lots)), self._long(was))) ^ self._raw(grown)
    cheats._prove(wrong == 0)


@internal
@pure
def _raw(number: int256) -> uint256:
    return convert(convert(number, bytes32), uint256)


@internal
@pure
def _long(number: int256) -> int256:
    return max(number, 0)


@internal
@pure
def _is_ordered(words: uint256[WORDS], count: uint256) -> bool:
    """
    @notice Without branches: so many positions, none of them of nothing, their series descending, and nothing behind them.
    """
    wrong: uint256 = 0
    above: uint256 = SERIES_END
    for index: uint256 in range(4 * WORDS):
        position: uint256 = (words[index >> 2] >> ((index & 3) << 6)) & accounts.M64
        series: uint256 = position >> 28
        held: uint256 = convert(index < count, uint256)
        wrong |= held ^ convert(position != 0, uint256)
        wrong |= held & (convert(series >= above, uint256) | convert(position & accounts.LOTS_MASK == 0, uint256) | convert(series == 0, uint256))
        wrong |= held & convert(position & accounts.LOTS_MASK == accounts.LOT_SIGN, uint256)
        above = series
    return wrong == 0


@internal
@pure
def _lots(words: uint256[WORDS], series: uint256) -> int256:
    """
    @notice Without branches.
    """
    lots: uint256 = 0
    for index: uint256 in range(4 * WORDS):
        position: uint256 = (words[index >> 2] >> ((index & 3) << 6)) & accounts.M64
        is_it: uint256 = unsafe_sub(0, convert(position >> 28 == series, uint256))
        held: uint256 = unsafe_sub(position & (accounts.LOT_SIGN - 1), position & accounts.LOT_SIGN)
        lots = unsafe_add(lots, is_it & held)
    return convert(convert(lots, bytes32), int256)
