# pragma version 0.4.3
"""
@title Who wants to leave the pool, with how many shares, and when it may
@license MIT
@notice The shares lie with the pool until then, and go on bearing losses.
"""

from . import shares

uses: shares

NOTICE: constant(uint256) = 2 * 86_400          # between asking to leave and leaving
WINDOW: constant(uint256) = 2 * 86_400          # in which to leave then


event Requested:
    owner: indexed(address)
    shares: uint256
    ready_at: uint256


struct Request:
    shares: uint256
    ready_at: uint256


requests: public(HashMap[address, Request])


@external
def request(amount: uint256):
    """
    @notice Ask to leave with so many shares, and those asked for before: in two days, and for two days. They go on bearing losses.
    """
    shares._shift(msg.sender, self, amount)
    asked: uint256 = self.requests[msg.sender].shares + amount
    self.requests[msg.sender] = Request(shares=asked, ready_at=block.timestamp + NOTICE)
    log Requested(owner=msg.sender, shares=asked, ready_at=block.timestamp + NOTICE)


@external
def stay():
    """
    @notice Take all that was asked for back.
    """
    amount: uint256 = self.requests[msg.sender].shares
    self.requests[msg.sender] = empty(Request)
    shares._shift(self, msg.sender, amount)


@internal
@view
def _ready(owner: address) -> uint256:
    """
    @notice Shares that may leave now.
    """
    asked: Request = self.requests[owner]
    if block.timestamp < asked.ready_at or block.timestamp > asked.ready_at + WINDOW:
        return 0
    return asked.shares


@internal
def _leave(owner: address, amount: uint256):
    """
    @notice Shares that are ready leave; the caller may be whom the owner lets use them.
    """
    shares._spend(owner, amount)
    self.requests[owner].shares -= amount
    shares._burn(self, amount)
