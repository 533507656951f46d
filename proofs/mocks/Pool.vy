# pragma version 0.4.3
"""
@title A backstop with so much room, and so much to cover with, that notes what it was asked for
@license MIT
"""

room: public(uint256)
idle: uint256

funded: public(uint256)
asked: public(uint256)      # to cover
paid: public(uint256)
receiver: public(uint256)   # of it


@external
def place(room: uint256, idle: uint256):
    self.room = room
    self.idle = idle


@external
@view
def admits(amount: uint256) -> bool:
    return amount <= self.room


@external
@view
def admit() -> uint256:
    return (convert(self, uint256) << 96) | 1


@external
def fund(account: uint256, amount: uint256):
    self.funded += amount


@external
def cover(bidder: uint256, amount: uint256) -> uint256:
    self.asked += amount
    self.receiver = bidder
    paid: uint256 = min(amount, self.idle)
    self.paid += paid
    return paid
