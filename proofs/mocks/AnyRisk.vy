# pragma version 0.4.3
"""
@title A Risk that answers as its (arbitrary) storage says: the same for the same book, but for what has been counted
@license MIT
@dev Books of one word.
"""

from peersettle.contracts.interfaces import IRisk

HELD: constant(uint256) = max_value(uint256) - 2**160 + 1 + 255    # of a header: collateral and count

refuses: bool   # to assess; it commits all the same
answers: HashMap[bytes32, IRisk.Assessment]
committed: HashMap[bytes32, uint256]    # the initial margin that a commit answers
counted: HashMap[bytes32, uint256]
numbers: HashMap[uint256, uint256]


@internal
@pure
def _name(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> bytes32:
    word: uint256 = 0
    if len(words) != 0:
        assert len(words) == 1
        word = words[0]
    return keccak256(abi_encode(market, header & HELD, word))


@external
@view
def assess(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment:
    assert not self.refuses
    return self.answers[self._name(market, header, words)]


@external
def refuse():
    self.refuses = True


@external
@view
def assess_committed(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment:
    name: bytes32 = self._name(market, header, words)
    answer: IRisk.Assessment = self.answers[name]
    answer.initial = self.committed[name]
    return answer


@external
def commit(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (IRisk.Assessment, uint256):
    name: bytes32 = self._name(market, header, words)
    answer: IRisk.Assessment = self.answers[name]
    answer.initial = self.committed[name]
    return answer, (header & HELD) | (self.counted[name] & ~HELD)


@external
def forget(market: uint256, header: uint256) -> uint256:
    return header & HELD


@external
@view
def snapshot(market: uint256) -> (uint256, uint256, uint256):
    return 0, 0, 0


@external
@view
def sides(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (uint256, uint256):
    return self.numbers[0], self.numbers[1]


@external
@view
def spot(market: uint256) -> uint256:
    return self.numbers[2]


@external
@view
def fixing(market: uint256, day: uint256) -> uint256:
    return self.numbers[3]


@external
@view
def fixed_at(market: uint256, day: uint256) -> uint256:
    return self.numbers[4]
