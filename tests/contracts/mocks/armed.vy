# pragma version 0.4.3
# pragma evm-version cancun
"""
@title armed
@license MIT
@notice A stored call, made when something calls the contract that carries it, and what came of it.
"""

MAX_DATA: constant(uint256) = 8192

target: address
data: Bytes[MAX_DATA]
amount: uint256
firing: bool

fired: public(uint256)
last_success: public(bool)
last_answer: public(Bytes[100])


@external
def arm(target: address, data: Bytes[MAX_DATA], amount: uint256 = 0):
    """
    @notice Make this call from now on; the zero address disarms.
    """
    self.target = target
    self.data = data
    self.amount = amount


@internal
def _fire():
    """
    @notice Make the stored call, unless it is the one being made; its failure is recorded and goes no further.
    """
    if self.target == empty(address) or self.firing:
        return
    self.firing = True
    success: bool = False
    answer: Bytes[100] = b""
    success, answer = raw_call(self.target, self.data, max_outsize=100, value=self.amount, revert_on_failure=False)
    self.firing = False
    self.fired += 1
    self.last_success = success
    self.last_answer = answer
