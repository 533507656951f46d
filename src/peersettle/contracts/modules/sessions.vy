# pragma version 0.4.3
"""
@title Session keys: another key acts for an account, for a while and within limits
@license MIT
@notice A key names its grant by a sub-account of its own with the top bit set, `2**95 | the low 95 bits of keccak(account)`: a trade that the
        key signs as a party then moves the granting account's positions. A grant can only be changed by the account that made it.
"""

from ..interfaces import ILedger

SESSION: constant(uint256) = 2**95
SUB_ACCOUNT: constant(uint256) = 2**96 - 1

TRADE: constant(uint256) = 1        # move positions, cash and collateral in trades that the key signs
WITHDRAW: constant(uint256) = 2     # withdraw to the owner's address


struct Grant:
    account: uint256
    terms: uint256      # scopes 8 | expires 64 << 8


grants: HashMap[uint256, Grant]     # key << 96 | slot


@internal
@pure
def _slot(account: uint256) -> uint256:
    return SESSION | (convert(keccak256(abi_encode(account)), uint256) & (SESSION - 1))


@external
def grant(key: address, sub_account: uint256, scopes: uint256, expires: uint256) -> uint256:
    """
    @notice Let a key act for one of the caller's accounts until a time; zero scopes take the grant back. Returns the sub-account by which
            the key names it.
    """
    assert sub_account < SESSION, "account"
    assert scopes <= (TRADE | WITHDRAW) and expires < 2**64, "scope"
    account: uint256 = (convert(msg.sender, uint256) << 96) | sub_account
    slot: uint256 = self._slot(account)
    place: uint256 = (convert(key, uint256) << 96) | slot
    held: uint256 = self.grants[place].account
    assert held == 0 or held == account, "session"
    self.grants[place] = Grant(account=account, terms=scopes | (expires << 8))
    log ILedger.Granted(account=account, key=key, scopes=scopes, expires=expires)
    return slot


@internal
@view
def _resolve(account: uint256, scope: uint256) -> uint256:
    """
    @notice The account meant: itself, or the one that has granted this key this scope.
    """
    if account & SESSION == 0:
        return account
    granted: Grant = self.grants[account]
    assert granted.terms & scope != 0, "session"
    assert block.timestamp < granted.terms >> 8, "session expired"
    return granted.account
