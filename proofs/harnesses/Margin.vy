# pragma version 0.4.3
"""
@title The Ledger, with its state laid open
@license MIT
"""

from peersettle.contracts import Ledger
from peersettle.contracts.interfaces import IBackstop
from peersettle.contracts.interfaces import IParameters
from peersettle.contracts.interfaces import IRisk
from peersettle.contracts.modules import accounts
from peersettle.contracts.modules import sessions

initializes: Ledger
uses: accounts
uses: sessions

exports: Ledger.__interface__


@deploy
def __init__(
    settlement: address, risk: IRisk, parameters: IParameters, backstop: IBackstop, auction: address, cash: address
):
    Ledger.__init__(settlement, risk, parameters, backstop, auction, cash)


@external
def place_head(account: uint256, head: uint256):
    accounts.heads[account] = head


@external
def place_word(book: uint256, market: uint256, slot: uint256, word: uint256):
    accounts.books[(book << 10) | (market << 4) | slot] = word


@external
@view
def head_word(account: uint256) -> uint256:
    return accounts.heads[account]


@external
@view
def word(book: uint256, market: uint256, slot: uint256) -> uint256:
    return accounts.books[(book << 10) | (market << 4) | slot]


@external
@view
def grant_of(place: uint256) -> sessions.Grant:
    return sessions.grants[place]
