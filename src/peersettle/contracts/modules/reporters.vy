# pragma version 0.4.3
"""
@title The set of reporters, its epochs and its timelock
@license MIT
@notice A set never changes while it is in place; the next one is announced and waits out the delay.
@dev Storage keeps one word for a set: a hash of its members (240 bits), their number and the threshold. An update brings the members
     that did not report; with the recovered signers they must give that hash. That is cheaper than storing members, by far.
"""

from ..interfaces import IOracle

initializes: report_data

from . import report_data

exports: report_data.eip712Domain

MIN_DELAY: constant(uint256) = 2 * 86400
MAX_DELAY: constant(uint256) = 30 * 86400
S_MASK: constant(uint256) = 2**255 - 1
ADDRESS_MASK: constant(uint256) = 2**160 - 1
COUNTS_MASK: constant(uint256) = 2**16 - 1


interface IReporter:
    def attests(feed: bytes32, price: uint256, observed_at: uint256) -> bool: view


struct Proposal:
    commitment: uint256
    ready_at: uint256


STEWARD: immutable(address)
DELAY: immutable(uint256)

commitment: uint256     # hash 240 | members 8 | threshold 8
epoch: uint256
proposal: public(Proposal)


@deploy
def __init__(steward: address, delay: uint256, threshold: uint256, members: DynArray[address, 13]):
    report_data.__init__()
    assert delay >= MIN_DELAY and delay <= MAX_DELAY, "delay"
    STEWARD = steward
    DELAY = delay
    self.commitment = self._commit(threshold, members)
    log IOracle.ReportersActivated(epoch=0, threshold=threshold, members=members)


@external
@view
def steward() -> address:
    """
    @notice Who may propose a set of reporters, and nothing else; zero when nobody may.
    """
    return STEWARD


@external
@view
def delay() -> uint256:
    """
    @notice Seconds between a proposal and its activation.
    """
    return DELAY


@external
@view
def reporter_set() -> (uint256, uint256, bytes32, uint256):
    commitment: uint256 = self.commitment
    return self.epoch, commitment & 255, convert(commitment & ~COUNTS_MASK, bytes32), (commitment >> 8) & 255


@external
def propose_reporters(threshold: uint256, members: DynArray[address, 13]):
    assert msg.sender == STEWARD, "steward"
    ready_at: uint256 = block.timestamp + DELAY
    self.proposal = Proposal(commitment=self._commit(threshold, members), ready_at=ready_at)
    log IOracle.ReportersProposed(epoch=self.epoch + 1, threshold=threshold, members=members, ready_at=ready_at)


@external
def withdraw_proposal():
    assert msg.sender == STEWARD, "steward"
    self.proposal = empty(Proposal)
    log IOracle.ProposalWithdrawn(epoch=self.epoch + 1)


@external
def activate_reporters(threshold: uint256, members: DynArray[address, 13]):
    proposal: Proposal = self.proposal
    assert proposal.commitment != 0 and proposal.commitment == self._commit(threshold, members), "proposal"
    assert block.timestamp >= proposal.ready_at, "delay"
    self.commitment = proposal.commitment
    self.epoch += 1
    self.proposal = empty(Proposal)
    log IOracle.ReportersActivated(epoch=self.epoch, threshold=threshold, members=members)


@internal
@pure
def _commit(threshold: uint256, members: DynArray[address, 13]) -> uint256:
    """
    @notice Members ascend strictly. Honest reporters alone must reach the threshold while the tolerated liars are silent.
    """
    count: uint256 = len(members)
    assert threshold >= 3 and count >= threshold + (threshold - 1) // 2, "quorum"
    words: uint256[13] = empty(uint256[13])
    previous: uint256 = 0
    index: uint256 = 0
    for member: address in members:
        word: uint256 = convert(member, uint256)
        assert word > previous, "ascending"
        words[index] = word
        previous = word
        index += 1
    return (convert(keccak256(abi_encode(words)), uint256) & ~COUNTS_MASK) | (count << 8) | threshold


@internal
@pure
def _silent(others: DynArray[uint256, 13]) -> uint256[13]:
    """
    @notice The members that did not report, each in its place.
    """
    words: uint256[13] = empty(uint256[13])
    for other: uint256 in others:
        words[other >> 160] = other & ADDRESS_MASK
    return words


@internal
@view
def _attested(member: uint256, feed: bytes32, price: uint256, observed_at: uint256) -> uint256:
    """
    @notice A member that is a contract answers for a value here and now.
    """
    reporter: IReporter = IReporter(convert(convert(member, uint160), address))
    assert staticcall reporter.attests(feed, price, observed_at), "attest"
    return member


@internal
@view
def _assert_signed(digest: bytes32, signatures: DynArray[uint256[3], 13], others: DynArray[uint256, 13]):
    """
    @notice At least k different members of the set have signed this digest (ERC-2098).
    """
    words: uint256[13] = self._silent(others)
    for signature: uint256[3] in signatures:
        words[signature[0] >> 128] = convert(
            ecrecover(digest, unsafe_add(signature[2] >> 255, 27), signature[1], signature[2] & S_MASK), uint256
        )
    self._assert_quorum(words, len(signatures), len(others))


@internal
@view
def _assert_quorum(words: uint256[13], reported: uint256, silent: uint256):
    """
    @notice The members that reported, at least k, and the silent ones are together the set.
    @dev That each reported once needs no check of its own: as many entries as the set has members fill all its places only when none is
         filled twice, and a signature that nobody made fills its place with zero, which is no member.
    """
    assert chain.id == report_data.CHAIN_ID, "chain"
    commitment: uint256 = self.commitment
    threshold: uint256 = commitment & 255
    assert reported >= threshold, "quorum"
    counts: uint256 = (unsafe_add(reported, silent) << 8) | threshold
    assert (convert(keccak256(abi_encode(words)), uint256) & ~COUNTS_MASK) | counts == commitment, "reporters"
