"""ERC-20 tokens as they are, not as the standard wishes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from peersettle.chain.artifacts import decode, encode, selector
from peersettle.chain.calls import Call
from peersettle.chain.views import read_text
from peersettle.errors import InputError, Reverted
from peersettle.types import Address, Hash32, checksummed, keccak

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain

_DOMAIN_FIELDS: Final = ("name", "version", "chainId", "verifyingContract", "salt")
_DOMAIN_TYPES: Final = ("string", "string", "uint256", "address", "bytes32")


class Token:
    """One ERC-20 token.

    What a token does not answer is zero, an empty text or None; only a failing node raises.
    """

    def __init__(self, chain: Chain, address: Address) -> None:
        self._chain = chain
        self.address: Final = address

    def exists(self) -> bool:
        """Whether it has code at all."""
        return bool(self._chain.code(self.address))

    def name(self) -> str:
        """Its name, as text or as the bytes32 of old tokens; empty where it has none."""
        return read_text(self._ask("name()") or b"")

    def symbol(self) -> str:
        """Its symbol, likewise; the address where it has none."""
        return read_text(self._ask("symbol()") or b"") or self.address

    def decimals(self) -> int | None:
        """Its decimals, None where it does not say."""
        word = self._word("decimals()")
        return None if word is None or word > 255 else word

    def balance(self, owner: Address, at: BlockId = "latest") -> int:
        """What an account has, in smallest units."""
        return self._word("balanceOf(address)", owner, at=at) or 0

    def allowance(self, owner: Address, spender: Address, at: BlockId = "latest") -> int:
        """What `spender` may move of `owner`'s, in smallest units."""
        return self._word("allowance(address,address)", owner, spender, at=at) or 0

    def approve(self, spender: Address, amount: int) -> Call:
        """Let `spender` move up to `amount` of the sender's smallest units."""
        what = f"approve {amount} units of {self.address} to {spender}"
        return self._call("approve(address,uint256)", spender, amount, what=what)

    def approvals_needed(self, owner: Address, spender: Address, amount: int) -> tuple[Call, ...]:
        """The calls, none, one or two, after which `spender` may move `amount`.

        Some tokens, as USDT, refuse to change an allowance that is not zero: those take two calls, the first
        to zero.

        Raises:
            Reverted: the token refuses either way.
        """
        if self.allowance(owner, spender) >= amount:
            return ()
        wanted = self.approve(spender, amount)
        try:
            self._chain.simulate(wanted, owner)
        except Reverted:
            zero = self.approve(spender, 0)
            if self.allowance(owner, spender) == 0:
                raise
            self._chain.simulate(zero, owner)
            return zero, wanted
        return (wanted,)

    def mint(self, receiver: Address, amount: int) -> Call:
        """Make tokens from nothing: DemoToken only."""
        return self._call("mint(address,uint256)", receiver, amount, what=f"mint {amount} units of {self.address}")

    def domain(self) -> dict[str, Any] | None:
        """The EIP-712 domain for permits and authorizations; None where it has none that can be made out.

        By ERC-5267 where the token answers it, else by trying which usual domain has its DOMAIN_SEPARATOR.
        """
        return self._declared_domain() or self._guessed_domain()

    def permit_nonce(self, owner: Address) -> int | None:
        """The owner's next ERC-2612 nonce; None where the token has no permits."""
        return self._word("nonces(address)", owner)

    def _declared_domain(self) -> dict[str, Any] | None:
        answer = self._ask("eip712Domain()")
        if not answer:
            return None
        try:
            fields, name, version, chain_id, contract, salt, _ = decode(
                ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"], answer
            )
        except InputError:
            return None
        contract = checksummed(bytes.fromhex(contract[2:]))
        values = (name, version, chain_id, contract, "0x" + salt.hex())
        return {key: v for i, (key, v) in enumerate(zip(_DOMAIN_FIELDS, values, strict=True)) if fields[0] >> i & 1}

    def _guessed_domain(self) -> dict[str, Any] | None:
        separator = self._ask("DOMAIN_SEPARATOR()")
        if separator is None or len(separator) != 32:
            return None
        name = self.name()
        said = read_text(self._ask("version()") or b"")
        base = {"name": name, "chainId": self._chain.chain_id, "verifyingContract": self.address}
        candidates = [{**base, "version": v} for v in dict.fromkeys((said, "1", "2")) if v] + [base]
        return next((domain for domain in candidates if _separator(domain) == separator), None)

    def _call(self, signature: str, *arguments: object, what: str) -> Call:
        return Call(self.address, _encode(signature, arguments), what=what)

    def _ask(self, signature: str, *arguments: object, at: BlockId = "latest") -> bytes | None:
        try:
            return self._chain.call(self.address, _encode(signature, arguments), at=at)
        except Reverted:
            return None

    def _word(self, signature: str, *arguments: object, at: BlockId = "latest") -> int | None:
        answer = self._ask(signature, *arguments, at=at)
        return int.from_bytes(answer[:32], "big") if answer is not None and len(answer) >= 32 else None


def _encode(signature: str, arguments: tuple[object, ...]) -> bytes:
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return selector(signature) + encode(types, arguments)


def _separator(domain: dict[str, Any]) -> Hash32:
    there = [(n, t) for n, t in zip(_DOMAIN_FIELDS, _DOMAIN_TYPES, strict=True) if n in domain]
    kind = keccak(f"EIP712Domain({','.join(f'{t} {n}' for n, t in there)})".encode())
    values = [keccak(domain[n].encode()) if t == "string" else domain[n] for n, t in there]
    types = ["bytes32" if t == "string" else t for _, t in there]
    return keccak(kind + encode(types, values))
