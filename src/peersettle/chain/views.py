"""What the pre-flight check asks of a chain, answered at one block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from peersettle.chain.artifacts import artifact, decode, encode, selector
from peersettle.errors import InputError, Reverted
from peersettle.trades.check import TokenInfo
from peersettle.types import Address, Hash32, checksummed

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain
    from peersettle.chain.deployments import Deployment

_MAGIC: Final = bytes.fromhex("1626ba7e").ljust(32, b"\0")  # ERC-1271


class RpcWalletView:
    """A `peersettle.trades.WalletView` over RPC.

    All answers are of one block, by default the latest when the view is made, and each is asked for once. A
    token that reverts or answers nonsense counts as zero, False or None, as in SettlementCheck; a node that
    fails raises.
    """

    def __init__(self, chain: Chain, settlement: Deployment | Address, block: BlockId = "latest") -> None:
        head = chain.block(block)
        self._chain = chain
        self._block: BlockId = head.number
        self._settlement = settlement if isinstance(settlement, str) else settlement.settlement
        self._answers: dict[tuple[Any, ...], bytes | None] = {}
        self._codes: dict[Address, bool] = {}
        self._now = head.timestamp if block != "latest" else max(head.timestamp, chain.now())

    @property
    def block_number(self) -> int:
        """The block that all answers are of."""
        assert isinstance(self._block, int)
        return self._block

    @property
    def now(self) -> int:
        """The time of the block the trade would be in; the block's own where one was asked for."""
        return self._now

    @property
    def settlement(self) -> Address:
        """The Settlement contract."""
        return self._settlement

    @property
    def permit2(self) -> Address:
        """The Permit2 that Settlement uses."""
        return checksummed(bytes.fromhex(str(self._own("permit2"))[2:]))

    def used_swaps(self, maker: Address, word: int) -> int:
        """The maker's used bits in a word."""
        return int(self._own("used_swaps", maker, word))

    def used_trades(self, parties: tuple[Address, ...], word: int) -> int:
        """The parties' used bits in a word."""
        return int(self._own("used_trades", list(parties), word))

    def has_code(self, account: Address) -> bool:
        """Whether an account has code."""
        if account not in self._codes:
            self._codes[account] = bool(self._chain.code(account, self._block))
        return self._codes[account]

    def accepts(self, wallet: Address, digest: Hash32, signature: bytes) -> bool:
        """Whether a contract wallet accepts a signature (ERC-1271)."""
        return self._word(wallet, "isValidSignature(bytes32,bytes)", bytes(digest), signature) == _MAGIC

    def balance(self, token: Address, owner: Address) -> int:
        """ERC-20 balance in smallest units."""
        return self._number(token, "balanceOf(address)", owner)

    def allowance(self, token: Address, owner: Address, spender: Address) -> int:
        """ERC-20 allowance in smallest units."""
        return self._number(token, "allowance(address,address)", owner, spender)

    def owner_of(self, token: Address, id: int) -> Address | None:
        """ERC-721 owner."""
        return self._account(token, "ownerOf(uint256)", id)

    def approved_for(self, token: Address, id: int) -> Address | None:
        """ERC-721 single approval."""
        return self._account(token, "getApproved(uint256)", id)

    def balance_of_id(self, token: Address, owner: Address, id: int) -> int:
        """ERC-1155 balance."""
        return self._number(token, "balanceOf(address,uint256)", owner, id)

    def is_operator(self, token: Address, owner: Address, operator: Address) -> bool:
        """`isApprovedForAll`, of ERC-721 and ERC-1155."""
        return self._number(token, "isApprovedForAll(address,address)", owner, operator) == 1

    def token_info(self, token: Address) -> TokenInfo:
        """Symbol and decimals, for the explanation only."""
        symbol = read_text(self._ask(token, "symbol()") or b"")
        word = self._word(token, "decimals()")
        decimals = None if word is None else int.from_bytes(word, "big")
        return TokenInfo(symbol or token, decimals if decimals is None or decimals < 256 else None)

    def _own(self, name: str, *arguments: object) -> Any:
        """An answer of Settlement itself, which must give one."""
        function = artifact("Settlement").functions[name]
        key = (self._settlement, name, *map(str, arguments))
        if key not in self._answers:
            data = function.encode(*arguments)
            self._answers[key] = self._chain.call(self._settlement, data, at=self._block)
        return function.decode(self._answers[key] or b"")[0]

    def _ask(self, contract: Address, signature: str, *arguments: object) -> bytes | None:
        key = (contract, signature, *arguments)
        if key not in self._answers:
            types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
            data = selector(signature) + encode(types, arguments)
            try:
                self._answers[key] = self._chain.call(contract, data, at=self._block)
            except Reverted:
                self._answers[key] = None
        return self._answers[key]

    def _word(self, contract: Address, signature: str, *arguments: object) -> bytes | None:
        answer = self._ask(contract, signature, *arguments)
        return answer[:32] if answer is not None and len(answer) >= 32 else None

    def _number(self, contract: Address, signature: str, *arguments: object) -> int:
        return int.from_bytes(self._word(contract, signature, *arguments) or b"", "big")

    def _account(self, contract: Address, signature: str, *arguments: object) -> Address | None:
        word = self._word(contract, signature, *arguments)
        return None if word is None or any(word[:12]) else checksummed(word[12:])


def read_text(answer: bytes) -> str:
    """Text that a token gave as `string`, or as the bytes32 of old ones; empty where it is no such text."""
    try:
        text = str(decode(["string"], answer)[0]) if len(answer) > 32 else answer.rstrip(b"\0").decode()
    except (InputError, UnicodeDecodeError):
        return ""
    return text if text.isprintable() and len(text) <= 64 else ""
