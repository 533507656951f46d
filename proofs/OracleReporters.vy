# pragma version 0.4.3
"""
@title The set of reporters changes only as announced, and only the steward announces
@license MIT
@dev From any storage. Sets of four.
"""

from peersettle.contracts.interfaces import IOracle
from peersettle.contracts.modules import report_data
from peersettle.contracts.modules import reporters
from lib import cheats

initializes: reporters

exports: reporters.__interface__


interface Proposals:
    def proposal() -> Proposal: view


struct Proposal:
    commitment: uint256
    ready_at: uint256


struct Set:
    epoch: uint256
    threshold: uint256
    sealed: bytes32
    members: uint256


# A signature and the place in the set that it claims.
struct Signed:
    place: uint256
    r: uint256
    vs: uint256


STEWARD: constant(address) = 0x00000000000000000000000000000000000000B1
MEMBERS: constant(uint160[4]) = [1001, 1002, 1003, 1004]
DELAY: constant(uint256) = 2 * 86400
COUNTS_MASK: constant(uint256) = 2**16 - 1

ORACLE: immutable(address)


@deploy
def __init__():
    members: DynArray[address, 13] = []
    for member: uint160 in MEMBERS:
        members.append(convert(member, address))
    reporters.__init__(STEWARD, DELAY, 3, members)
    ORACLE = self
    cheats._from_any_state(self)
    cheats._from_any_state(ORACLE)


@external
def check_only_the_steward_proposes(sender: address, now: uint64, threshold: uint256, members: address[4]):
    before: Set = self._set()
    cheats._at(convert(now, uint256))
    cheats._send_as(sender)
    extcall IOracle(ORACLE).propose_reporters(threshold, self._listed(members))
    cheats._prove(sender == STEWARD)
    proposal: Proposal = staticcall Proposals(ORACLE).proposal()
    cheats._prove(proposal.ready_at == convert(now, uint256) + DELAY)
    cheats._prove(proposal.commitment == self._commitment(threshold, members))
    self._prove_is(before)


@external
def check_only_the_steward_withdraws(sender: address):
    before: Set = self._set()
    cheats._send_as(sender)
    extcall IOracle(ORACLE).withdraw_proposal()
    cheats._prove(sender == STEWARD)
    cheats._prove((staticcall Proposals(ORACLE).proposal()).commitment == 0)
    self._prove_is(before)


@external
def check_a_set_waits_out_its_delay(sender: address, now: uint64, threshold: uint256, members: address[4]):
    before: Set = self._set()
    proposal: Proposal = staticcall Proposals(ORACLE).proposal()
    cheats._at(convert(now, uint256))
    cheats._send_as(sender)
    extcall IOracle(ORACLE).activate_reporters(threshold, self._listed(members))
    cheats._prove(convert(now, uint256) >= proposal.ready_at)
    cheats._prove(proposal.commitment == self._commitment(threshold, members))
    after: Set = self._set()
    cheats._prove(after.epoch == before.epoch + 1)
    cheats._prove(self._word(after) == proposal.commitment)
    cheats._prove((staticcall Proposals(ORACLE).proposal()).commitment == 0)


@external
def check_a_set_outvotes_its_tolerated_liars(threshold: uint256, members: address[4]):
    cheats._send_as(STEWARD)
    extcall IOracle(ORACLE).propose_reporters(threshold, self._listed(members))
    cheats._prove(threshold == 3)   # four members bear one liar: k + (k - 1) // 2 <= 4
    cheats._prove(members[0] != empty(address))
    previous: uint256 = 0
    for member: address in members:
        cheats._prove(convert(member, uint256) > previous)
        previous = convert(member, uint256)


@external
def check_a_digest_needs_its_threshold(commitment: uint256, digest: bytes32, a: Signed, b: Signed, c: Signed, third: bool):
    reporters.commitment = commitment
    signatures: DynArray[uint256[3], 13] = [[0, a.r, a.vs], [1 << 128, b.r, b.vs]]
    if third:
        signatures.append([2 << 128, c.r, c.vs])
    reporters._assert_signed(digest, signatures, [self._silent(3)])
    cheats._prove(len(signatures) >= commitment & 255)
    cheats._prove(len(signatures) + 1 == (commitment >> 8) & 255)


@external
def check_each_member_signs_once(digest: bytes32, a: Signed, b: Signed, c: Signed, two_silent: bool):
    first: uint256 = self._place(a)
    second: uint256 = self._place(b)
    third: uint256 = self._place(c)
    cheats._assume(first <= second and second <= third)     # their order in the list is nothing
    words: uint256[13] = empty(uint256[13])
    others: DynArray[uint256, 13] = [self._silent(3)]
    words[3] = 1004
    if two_silent:
        others.append(self._silent(2))
        words[2] = 1003
    words[first] = self._signer(a, digest)
    words[second] = self._signer(b, digest)
    words[third] = self._signer(c, digest)
    members: uint256[13] = [1001, 1002, 1003, 1004, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    sealed: uint256 = convert(keccak256(abi_encode(members)), uint256) & ~COUNTS_MASK
    differ: uint256 = 0
    for place: uint256 in range(4):
        differ |= words[place] ^ members[place]
    cheats._assume((convert(keccak256(abi_encode(words)), uint256) & ~COUNTS_MASK != sealed) or differ == 0)
    reporters.commitment = sealed | (4 << 8) | 3
    reporters._assert_signed(
        digest, [[first << 128, a.r, a.vs], [second << 128, b.r, b.vs], [third << 128, c.r, c.vs]], others
    )
    cheats._prove(first != second and second != third)
    cheats._prove(differ == 0)


@external
def check_reach_activation(now: uint64, members: address[4]):
    cheats._at(convert(now, uint256))
    extcall IOracle(ORACLE).activate_reporters(3, self._listed(members))
    cheats._reached()


@internal
def _place(signed: Signed) -> uint256:
    """
    @notice The place, on a path of its own for each that there is.
    """
    for place: uint256 in range(3):
        if signed.place == place:
            return place
    cheats._assume(signed.place == 3)
    return 3


@internal
@pure
def _silent(place: uint256) -> uint256:
    return (1001 + place) | (place << 160)


@internal
@pure
def _signer(signed: Signed, digest: bytes32) -> uint256:
    return convert(ecrecover(digest, 27 + (signed.vs >> 255), signed.r, signed.vs & (2**255 - 1)), uint256)


@internal
@pure
def _listed(members: address[4]) -> DynArray[address, 13]:
    return [members[0], members[1], members[2], members[3]]


@internal
@pure
def _commitment(threshold: uint256, members: address[4]) -> uint256:
    words: address[13] = empty(address[13])
    for place: uint256 in range(4):
        words[place] = members[place]
    return (convert(keccak256(abi_encode(words)), uint256) & ~COUNTS_MASK) | (4 << 8) | threshold


@internal
@view
def _set() -> Set:
    current: Set = empty(Set)
    current.epoch, current.threshold, current.sealed, current.members = staticcall IOracle(ORACLE).reporter_set()
    return current


@internal
@pure
def _word(current: Set) -> uint256:
    return convert(current.sealed, uint256) | (current.members << 8) | current.threshold


@internal
def _prove_is(before: Set):
    after: Set = self._set()
    cheats._prove(after.epoch == before.epoch)
    cheats._prove(self._word(after) == self._word(before))
