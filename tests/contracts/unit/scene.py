"""The scene of the contract tests: who trades, what is deployed, and calls with what came of them.

Amounts are in smallest units. Every peer holds `HOLDING` of both tokens and has allowed Settlement all of
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import boa
import coincurve
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from boa.interpret import set_search_paths
from eth_account.messages import encode_typed_data
from tests.contracts.mocks import SOURCE, load
from tests.contracts.unit.calls import GAS, Outcome, call, calldata, reason_of

from peersettle.trades import (
    Approval,
    ApprovalMethod,
    Domain,
    Leg,
    LegKind,
    Netting,
    Quote,
    Signature,
    Swap,
    Trade,
    net,
    sign_digest,
    swap_digest,
    trade_digest,
)
from peersettle.trades.approvals import authorization_typed_data, permit2_typed_data, permit_typed_data
from peersettle.types import ZERO_ADDRESS, Address, Hash32, address, checksummed, keccak

HOLDING = 1_000_000
CODELESS = Address("0x0000000000000000000000000000000000009999")
TRADE_FIELDS = (
    "parties",
    "legs",
    "nonce_word",
    "nonce_mask",
    "valid_after",
    "deadline",
    "submitter",
    "terms",
)
LEG_FIELDS = ("giver", "receiver", "kind", "token", "id", "amount")


@dataclass(frozen=True)
class Peer:
    """A plain key."""

    key: coincurve.PrivateKey
    address: Address

    def sign(self, digest: Hash32) -> Signature:
        return sign_digest(self.key, digest)


def peer(role: str) -> Peer:
    key = coincurve.PrivateKey(keccak(role.encode()))
    return Peer(key, checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:]))


maker, taker, broker, relayer = map(peer, ("maker", "taker", "broker", "relayer"))
PEERS = (maker, taker, broker, relayer)


@cache
def contract(name: str) -> VyperDeployer:
    """One of the package's own contracts, compiled."""
    set_search_paths([str(SOURCE)])
    return boa.load_partial(str(SOURCE / "peersettle" / "contracts" / f"{name}.vy"))


def with_fields(trade: Trade | tuple[Any, ...], **changes: Any) -> tuple[Any, ...]:
    """A trade as the contract takes it, with fields that `Trade` itself would refuse."""
    raw = trade.to_abi() if isinstance(trade, Trade) else trade
    return tuple(changes.get(name, value) for name, value in zip(TRADE_FIELDS, raw, strict=True))


def with_leg(trade: Trade, index: int = 0, **changes: Any) -> tuple[Any, ...]:
    """A trade with one leg that `Leg` itself would refuse."""
    raw = trade.to_abi()
    leg = zip(LEG_FIELDS, raw[1][index], strict=True)
    changed = tuple(changes.get(name, value) for name, value in leg)
    return with_fields(raw, legs=[*raw[1][:index], changed, *raw[1][index + 1 :]])


def approve(token: VyperContract, owner: str, spender: str, amount: int = 2**256 - 1) -> None:
    token.approve(spender, amount, sender=owner)


def delegate(account: str, code: VyperContract) -> None:
    """Let a plain key's account run `code`, as an EIP-7702 transaction would."""
    boa.env.set_code(account, bytes.fromhex("ef0100") + bytes.fromhex(str(code.address)[2:]))


@dataclass(frozen=True)
class Scene:
    """Settlement with everything around it."""

    settlement: VyperContract
    check: VyperContract
    permit2: VyperContract
    dollar: VyperContract
    ether: VyperContract
    domain: Domain

    @classmethod
    def set(cls) -> "Scene":
        permit2 = load("Permit2")
        settlement = contract("Settlement").deploy(permit2.address)
        check = contract("SettlementCheck").deploy(settlement.address)
        dollar, ether = load("Token", "USD Coin", "USDC", 6), load("Token", "Wrapped Ether", "WETH", 18)
        scene = cls(settlement, check, permit2, dollar, ether, Domain(boa.env.evm.patch.chain_id, settlement.address))
        for one in PEERS:
            for token in (dollar, ether):
                scene.fund(token, one.address)
        return scene

    # What peers sign

    @property
    def now(self) -> int:
        return int(boa.env.timestamp)

    def swap(self, **changes: Any) -> Swap:
        """The maker gives 300 dollars for the taker's 2 ether."""
        fields: dict[str, Any] = {
            "maker": maker.address,
            "taker": taker.address,
            "maker_token": self.dollar.address,
            "maker_amount": 300,
            "taker_token": self.ether.address,
            "taker_amount": 2,
            "nonce": 7,
            "deadline": self.now + 600,
        }
        return Swap(**(fields | changes))

    def leg(
        self,
        giver: Peer | str = maker,
        receiver: Peer | str = taker,
        token: VyperContract | str | None = None,
        amount: int = 300,
        kind: LegKind = LegKind.ERC20,
        id: int = 0,
    ) -> Leg:
        """By default the maker's 300 dollars to the taker."""
        asset = self.dollar if token is None else token
        return Leg(_address(giver), _address(receiver), kind, _address(asset), id, amount)

    def trade(self, *legs: Leg, parties: Sequence[Peer | str] = (maker, taker), **changes: Any) -> Trade:
        """The same swap as a trade, when no legs are given."""
        fields: dict[str, Any] = {
            "legs": legs or (self.leg(), self.leg(taker, maker, self.ether, 2)),
            "parties": tuple(map(_address, parties)),
            "nonce_word": 5,
            "nonce_mask": 1,
            "valid_after": 0,
            "deadline": self.now + 600,
        }
        return Trade(**(fields | changes))

    def digest(self, message: Swap | Trade | tuple[Any, ...]) -> Hash32:
        if isinstance(message, Swap):
            return swap_digest(self.domain, message)
        if isinstance(message, Trade):
            return trade_digest(self.domain, message)
        return Hash32(bytes(self.settlement.hash_trade(message)))

    def signed(self, trade: Trade | tuple[Any, ...], signers: Sequence[Peer] = PEERS) -> list[bytes]:
        """The signatures in the order of the parties; empty for a party that is none of `signers`."""
        parties = trade.parties if isinstance(trade, Trade) else trade[0]
        digest, by = self.digest(trade), {one.address: one for one in signers}
        return [by[party].sign(digest).to_bytes() if party in by else b"" for party in parties]

    def quote(self, swap: Swap, makers: Peer = maker, takers: Peer = taker) -> Quote:
        """The swap with both signatures."""
        digest = self.digest(swap)
        return Quote(self.domain, swap, makers.sign(digest).to_bytes(), takers.sign(digest).to_bytes())

    # Signed approvals

    def permit(
        self,
        token: VyperContract,
        giver: Peer,
        amount: int,
        *,
        leg: int = 0,
        nonce: int = 0,
        until: int | None = None,
    ) -> Approval:
        """An ERC-2612 permit for Settlement."""
        deadline = self.now + 600 if until is None else until
        data = permit_typed_data(
            self._token_domain(token), giver.address, self.domain.settlement, amount, nonce, deadline
        )
        return Approval(leg, ApprovalMethod.ERC2612, amount, nonce, deadline, giver.sign(_hash(data)))

    def permit2_approval(
        self,
        leg: Leg,
        giver: Peer,
        trade_hash: Hash32,
        *,
        index: int = 0,
        amount: int | None = None,
        nonce: int = 0,
        until: int | None = None,
    ) -> Approval:
        """A Permit2 transfer with the trade as witness."""
        deadline = self.now + 600 if until is None else until
        signs = leg if amount is None else replace(leg, amount=amount)
        data = permit2_typed_data(
            self.domain.chain_id,
            address(self.permit2.address),
            self.domain.settlement,
            signs,
            trade_hash,
            nonce,
            deadline,
        )
        return Approval(index, ApprovalMethod.PERMIT2, signs.amount, nonce, deadline, giver.sign(_hash(data)))

    def authorization(
        self,
        token: VyperContract,
        leg: Leg,
        giver: Peer,
        trade_hash: Hash32,
        *,
        index: int = 0,
        until: int | None = None,
    ) -> Approval:
        """An ERC-3009 authorization for one leg of one trade."""
        deadline = self.now + 600 if until is None else until
        data = authorization_typed_data(
            self._token_domain(token), self.domain.settlement, leg, index, trade_hash, deadline
        )
        return Approval(index, ApprovalMethod.ERC3009, 0, 0, deadline, giver.sign(_hash(data)))

    def _token_domain(self, token: VyperContract) -> dict[str, Any]:
        return {
            "name": token.name(),
            "version": "2",
            "chainId": self.domain.chain_id,
            "verifyingContract": address(token.address),
        }

    # Calls

    def send(self, verb: str, *arguments: Any, **options: Any) -> Outcome:
        return call(self.settlement, verb, *arguments, **({"sender": relayer.address} | options))

    def take(self, swap: Swap, signature: Signature | None = None, **options: Any) -> Outcome:
        """`swap`, sent by the taker."""
        by = signature or maker.sign(self.digest(swap))
        return self.send("swap", swap.to_abi(), by.to_abi(), **({"sender": taker.address} | options))

    def relay(
        self, swap: Swap, makers: Signature | None = None, takers: Signature | None = None, **options: Any
    ) -> Outcome:
        """`swap_relayed`, signed by both."""
        digest = self.digest(swap)
        pair = [s.to_abi() for s in (makers or maker.sign(digest), takers or taker.sign(digest))]
        return self.send("swap_relayed", swap.to_abi(), *pair, **options)

    def swap_approved(
        self,
        swap: Swap,
        *approvals: Approval,
        makers: bytes | None = None,
        takers: bytes | None = None,
        **options: Any,
    ) -> Outcome:
        """`swap_approved`, signed by both."""
        digest = self.digest(swap)
        by_maker = maker.sign(digest).to_bytes() if makers is None else makers
        by_taker = taker.sign(digest).to_bytes() if takers is None else takers
        return self.send("swap_approved", swap.to_abi(), by_maker, by_taker, [a.to_abi() for a in approvals], **options)

    def settle(
        self,
        trade: Trade | tuple[Any, ...],
        *approvals: Approval,
        signed: Sequence[bytes] | None = None,
        **options: Any,
    ) -> Outcome:
        """`settle`, signed by every party."""
        return self.send("settle", *self.settle_arguments(trade, *approvals, signed=signed), **options)

    def settle_arguments(
        self, trade: Trade | tuple[Any, ...], *approvals: Approval, signed: Sequence[bytes] | None = None
    ) -> tuple[Any, ...]:
        raw = trade.to_abi() if isinstance(trade, Trade) else trade
        return raw, list(self.signed(trade) if signed is None else signed), [a.to_abi() for a in approvals]

    def entry(
        self, trade: Trade | tuple[Any, ...], *approvals: Approval, signed: Sequence[bytes] | None = None
    ) -> bytes:
        """The trade as `settle_batch` takes it."""
        return self.settle_calldata(trade, *approvals, signed=signed)[4:]

    def settle_calldata(
        self, trade: Trade | tuple[Any, ...], *approvals: Approval, signed: Sequence[bytes] | None = None
    ) -> bytes:
        arguments = self.settle_arguments(trade, *approvals, signed=signed)
        return bytes(self.settlement.settle.prepare_calldata(*arguments))

    def batch(self, *entries: bytes, caps: Sequence[int] | int = 500_000, **options: Any) -> Outcome:
        limits = [caps] * len(entries) if isinstance(caps, int) else list(caps)
        return self.send("settle_batch", list(entries), limits, **options)

    def settle_net(self, *quotes: Quote, netting: Netting | None = None, **options: Any) -> Outcome:
        return self.send("settle_net", *(netting or net(quotes)).to_abi(), **options)

    def problems(
        self,
        trade: Trade | tuple[Any, ...],
        *approvals: Approval,
        signed: Sequence[bytes] | None = None,
        sender: str = relayer.address,
        value: int = 0,
    ) -> list[tuple[int, int, int, int]]:
        """What `check` says, as (code, index, available, required)."""
        found = self.check.check(*self.settle_arguments(trade, *approvals, signed=signed), sender, value)
        return [tuple(problem) for problem in found]

    # What is on chain

    def fund(self, token: VyperContract, owner: str, amount: int = HOLDING) -> None:
        """Give `owner` tokens, and Settlement its allowance."""
        token.mint(owner, amount)
        approve(token, owner, self.settlement.address)

    def forbid(self, token: VyperContract, owner: str, spender: str | None = None) -> None:
        """Take the allowance back."""
        approve(token, owner, spender or self.settlement.address, 0)

    def moved(self, token: VyperContract, owner: Peer | str) -> int:
        """How much more than `HOLDING` somebody has."""
        return int(token.balanceOf(_address(owner))) - HOLDING

    def swap_moves(self) -> tuple[int, int, int, int]:
        """What maker and taker gained, in dollars, then in ether."""
        return tuple(self.moved(token, one) for token in (self.dollar, self.ether) for one in (maker, taker))  # type: ignore[return-value]

    def used(self, trade: Trade | tuple[Any, ...]) -> int:
        raw = trade.to_abi() if isinstance(trade, Trade) else trade
        return int(self.settlement.used_trades(raw[0], raw[2]))

    def swap_used(self, swap: Swap) -> bool:
        return bool(self.settlement.used_swaps(swap.maker, swap.nonce_word) & swap.nonce_mask)


SETTLED = (-300, 300, 2, -2)
"""What `Scene.swap_moves` says after the standard swap or trade."""
NOTHING = (0, 0, 0, 0)


def _address(of: Any) -> Address:
    return address(str(getattr(of, "address", of)))


def _hash(data: dict[str, Any]) -> Hash32:
    message = encode_typed_data(full_message=data)
    return keccak(b"\x19" + message.version + message.header + message.body)


__all__ = [
    "CODELESS",
    "GAS",
    "HOLDING",
    "LEG_FIELDS",
    "NOTHING",
    "PEERS",
    "SETTLED",
    "TRADE_FIELDS",
    "ZERO_ADDRESS",
    "Outcome",
    "Peer",
    "Scene",
    "approve",
    "broker",
    "call",
    "calldata",
    "contract",
    "delegate",
    "maker",
    "peer",
    "reason_of",
    "relayer",
    "taker",
    "with_fields",
    "with_leg",
]
