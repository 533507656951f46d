# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Aggregator
@license MIT
@notice An AggregatorV3 feed that answers whatever it is told to, sound or not.
"""

decimals: public(uint8)
round_id: uint80
answer: int256
updated_at: uint256
answered_in: uint80


@deploy
def __init__(decimals: uint8):
    self.decimals = decimals


@external
def set_answer(answer: int256, updated_at: uint256, round_id: uint80, answered_in: uint80):
    self.answer = answer
    self.updated_at = updated_at
    self.round_id = round_id
    self.answered_in = answered_in


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    return self.round_id, self.answer, self.updated_at, self.updated_at, self.answered_in
