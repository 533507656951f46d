# pragma version 0.4.3
"""
@title A key acts for an account only while the account's owner lets it
@license MIT
@dev From any storage. The module is compiled in here.
"""

from peersettle.contracts.modules import sessions
from lib import cheats

initializes: sessions


interface Sessions:
    def grant(key: address, sub_account: uint256, scopes: uint256, expires: uint256) -> uint256: nonpayable


exports: sessions.grant

HERE: immutable(address)


@deploy
def __init__():
    HERE = self
    cheats._from_any_state(self)
    cheats._from_any_state(HERE)


@external
def check_nothing_is_resolved_without_a_live_grant(now: uint64, account: uint256, scope: uint256):
    cheats._assume(scope == sessions.TRADE or scope == sessions.WITHDRAW)
    cheats._at(convert(now, uint256))
    granted: sessions.Grant = sessions.grants[account]
    meant: uint256 = sessions._resolve(account, scope)
    if account & sessions.SESSION == 0:
        cheats._prove(meant == account)
    else:
        cheats._prove(meant == granted.account)
        cheats._prove(granted.terms & scope == scope)
        cheats._prove(convert(now, uint256) < granted.terms >> 8)


@external
def check_only_an_owner_grants(
    sender: address, key: address, sub_account: uint256, scopes: uint256, expires: uint256, watched: uint256
):
    before: sessions.Grant = sessions.grants[watched]
    cheats._send_as(sender)
    extcall Sessions(HERE).grant(key, sub_account, scopes, expires)
    after: sessions.Grant = sessions.grants[watched]
    wrong: uint256 = (before.account ^ after.account) | (before.terms ^ after.terms)
    if wrong != 0:
        cheats._prove(after.account >> 96 == convert(sender, uint256))
        cheats._prove(before.account == 0 or before.account == after.account)
        cheats._prove(watched >> 96 == convert(key, uint256))
        cheats._prove(watched & sessions.SUB_ACCOUNT == sessions._slot(after.account))
        cheats._prove(after.account & sessions.SESSION == 0)


@external
def check_a_grant_taken_back_is_gone(
    now: uint64, sender: address, key: address, sub_account: uint256, expires: uint256, scope: uint256
):
    cheats._assume(scope == sessions.TRADE or scope == sessions.WITHDRAW)
    cheats._at(convert(now, uint256))
    cheats._send_as(sender)
    slot: uint256 = extcall Sessions(HERE).grant(key, sub_account, 0, expires)
    meant: uint256 = self._resolved_or_zero((convert(key, uint256) << 96) | slot, scope)
    cheats._prove(meant == 0)


@external
def resolve(account: uint256, scope: uint256) -> uint256:
    return sessions._resolve(account, scope)


@internal
def _resolved_or_zero(account: uint256, scope: uint256) -> uint256:
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(HERE, abi_encode(account, scope, method_id=method_id("resolve(uint256,uint256)")), max_outsize=32, revert_on_failure=False)
    if not success:
        return 0
    return convert(answer, uint256) | (1 << 255)
