# pragma version 0.4.3
"""
@title A token of six decimals that records what left the Ledger
@license MIT
"""

decimals: public(constant(uint8)) = 6

count: public(uint256)
receiver: public(address)
amount: public(uint256)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self.count += 1
    self.receiver = receiver
    self.amount = amount
    return True
