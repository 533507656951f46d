# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Bundle
@license MIT
@notice Puts price updates in front of one more call, in one transaction: pull instead of push.
@dev How do you stop this? Nobody can. It holds nothing between transactions, and NOBODY MAY EVER APPROVE IT: the call it makes is
     anybody's choice. Called where it was deployed, it serves calls that do not depend on who makes them: settling what all parties have
     signed, liquidating, refreshing. To act as its caller it must be that caller's own code (EIP-7702), and then obeys only the caller.
"""

MAX_UPDATES: constant(uint256) = 8

ORACLE: immutable(address)
HOME: immutable(address)


event UpdateRefused:
    index: indexed(uint256)
    reason: Bytes[100]


@deploy
def __init__(oracle: address):
    ORACLE = oracle
    HOME = self


@external
@view
def oracle() -> address:
    return ORACLE


@external
@payable
def execute(updates: DynArray[Bytes[2048], MAX_UPDATES], target: address, data: Bytes[8192]) -> Bytes[1024]:
    """
    @notice Send the updates to the Oracle, then make the call, with the value that came. An update that is refused does not stop the
            call: most often somebody else was a moment faster. What the call needs, its target demands itself. If the call
            reverts, all of it does, with its reason.
    """
    assert self == HOME or msg.sender == self, "sender"
    assert target.is_contract, "target"
    index: uint256 = 0
    for update: Bytes[2048] in updates:
        success: bool = False
        answer: Bytes[100] = b""
        success, answer = raw_call(ORACLE, update, max_outsize=100, revert_on_failure=False)
        if not success:
            log UpdateRefused(index=index, reason=answer)
        index += 1
    return raw_call(target, data, value=msg.value, max_outsize=1024)
