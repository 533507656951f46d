"""A `WalletView` of the chain in this process, for the pre-flight check."""

from __future__ import annotations

import boa
from eth_abi import encode
from tests.contracts.differential.world import World, selector

from peersettle.trades.check import TokenInfo
from peersettle.types import Address, Hash32, checksummed

MAGIC = selector("isValidSignature(bytes32,bytes)") + bytes(28)


class ChainView:
    """What the chain says now."""

    def __init__(self, world: World) -> None:
        self.now = world.now
        self.settlement = world.domain.settlement
        self.permit2 = world.addresses["permit2"]
        self._contract = world.settlement

    def used_swaps(self, maker: Address, word: int) -> int:
        return int(self._contract.used_swaps(maker, word))

    def used_trades(self, parties: tuple[Address, ...], word: int) -> int:
        return int(self._contract.used_trades(list(parties), word))

    def has_code(self, account: Address) -> bool:
        return bool(boa.env.get_code(account))

    def accepts(self, wallet: Address, digest: Hash32, signature: bytes) -> bool:
        return self._ask(wallet, "isValidSignature(bytes32,bytes)", digest, signature) == MAGIC

    def balance(self, token: Address, owner: Address) -> int:
        return self._number(token, "balanceOf(address)", owner)

    def allowance(self, token: Address, owner: Address, spender: Address) -> int:
        return self._number(token, "allowance(address,address)", owner, spender)

    def owner_of(self, token: Address, id: int) -> Address | None:
        return self._address(token, "ownerOf(uint256)", id)

    def approved_for(self, token: Address, id: int) -> Address | None:
        return self._address(token, "getApproved(uint256)", id)

    def balance_of_id(self, token: Address, owner: Address, id: int) -> int:
        return self._number(token, "balanceOf(address,uint256)", owner, id)

    def is_operator(self, token: Address, owner: Address, operator: Address) -> bool:
        return self._number(token, "isApprovedForAll(address,address)", owner, operator) == 1

    def token_info(self, token: Address) -> TokenInfo:
        return TokenInfo(f"token {token[:6]}", 6)

    def _ask(self, to: Address, signature: str, *arguments: object) -> bytes:
        types = signature.partition("(")[2].rstrip(")").split(",")
        data = selector(signature) + encode(types, arguments)
        done = boa.env.execute_code(to_address=to, data=data, is_modifying=False)
        return b"" if done.is_error else bytes(done.output[:32])

    def _number(self, to: Address, signature: str, *arguments: object) -> int:
        answer = self._ask(to, signature, *arguments)
        return int.from_bytes(answer, "big") if len(answer) == 32 else 0

    def _address(self, to: Address, signature: str, *arguments: object) -> Address | None:
        number = self._number(to, signature, *arguments)
        return checksummed(number.to_bytes(32, "big")[-20:]) if number else None
