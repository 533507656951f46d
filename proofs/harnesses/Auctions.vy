# pragma version 0.4.3
"""
@title The Auction, with its state laid open
@license MIT
"""

from peersettle.contracts import Auction
from peersettle.contracts.interfaces import IBackstop
from peersettle.contracts.interfaces import IRisk
from peersettle.contracts.modules import sales

initializes: Auction
uses: sales

exports: Auction.__interface__


@deploy
def __init__(ledger: address, risk: IRisk, backstop: IBackstop):
    Auction.__init__(ledger, risk, backstop)


@external
def place(account: uint256, word: uint256):
    sales.auctions[account] = word


@external
@view
def word(account: uint256) -> uint256:
    return sales.auctions[account]
