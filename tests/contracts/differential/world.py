"""Settlement on a chain and its specification beside it. A call made here is made on both, and both must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import boa
import coincurve
from boa.contracts.vyper.vyper_contract import VyperContract, VyperDeployer
from boa.interpret import set_search_paths
from boa.util.abi import Address as BoaAddress
from eth_abi import decode
from tests.contracts.mocks import SOURCE, load, rolled_back

from peersettle.errors import Reverted
from peersettle.spec.chain import State, whole_or_not_at_all
from peersettle.spec.events import (
    EntrySkipped,
    Event,
    NetSettled,
    NoticeGiven,
    SwapsCancelled,
    SwapSettled,
    TradeSettled,
)
from peersettle.spec.nonces import used_trades
from peersettle.spec.tokens import Erc20, Erc721, Erc1155, Ledger, Permit2, Wallet
from peersettle.trades import Approval, Domain, Signature, sign_digest
from peersettle.types import UINT256_MAX, Address, Hash32, address, checksummed, keccak

START: Final = 1_800_000_000
GAS: Final = 30_000_000
GAS_CAP: Final = 2_000_000
HOLDING: Final = 1_000
CODELESS: Final = Address("0x0000000000000000000000000000000000009999")
ERC20S: Final = ("usdc", "usdt", "paxg", "bat")
PERMIT2_ERRORS: Final = (
    "SignatureExpired(uint256)",
    "InvalidAmount(uint256)",
    "InvalidNonce()",
    "InvalidContractSignature()",
    "InvalidSignature()",
    "InvalidSigner()",
)


@dataclass(frozen=True)
class Actor:
    """Who trades: a plain key, or a contract wallet (`address`) with its owner's key."""

    role: str
    key: coincurve.PrivateKey = field(repr=False)
    address: Address

    def sign(self, digest: Hash32) -> Signature:
        return sign_digest(self.key, digest)


def key_of(role: str) -> coincurve.PrivateKey:
    return coincurve.PrivateKey(keccak(role.encode()))


def address_of(key: coincurve.PrivateKey) -> Address:
    return checksummed(keccak(key.public_key.format(compressed=False)[1:])[-20:])


def actor(role: str) -> Actor:
    return Actor(role, key_of(role), address_of(key_of(role)))


PLAIN: Final = tuple(map(actor, ("maker", "taker", "liquidator", "relayer", "broker")))
maker, taker, liquidator, relayer, broker = PLAIN
stranger = actor("stranger")


@dataclass(frozen=True)
class Call:
    """One call of Settlement: as the chain takes it, and as the specification does."""

    verb: str
    sender: Address
    arguments: tuple[Any, ...]
    expected: Callable[[State], Any]
    value: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of a call. A revert's `reason` is None when there was none."""

    settled: bool
    reason: str | None
    output: bytes
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Stage:
    """What is deployed once, and the state of the specification that equals it."""

    settlement: VyperContract
    check: VyperContract
    contracts: dict[str, VyperContract]
    actors: tuple[Actor, ...]
    state: State


@cache
def contract(name: str) -> VyperDeployer:
    """One of the package's own contracts, compiled."""
    set_search_paths([str(SOURCE)])
    return boa.load_partial(str(SOURCE / "peersettle" / "contracts" / f"{name}.vy"))


@cache
def stage() -> Stage:
    """Everybody holds, and has allowed, something of everything."""
    boa.env.timestamp = START
    permit2 = load("Permit2")
    settlement = contract("Settlement").deploy(permit2.address)
    vault_owner = key_of("vault owner")
    vault = load("Wallet", address_of(vault_owner))
    actors = (*PLAIN, Actor("vault", vault_owner, address(vault.address)))
    contracts = {
        "permit2": permit2,
        "vault": vault,
        "usdc": load("Token", "USD Coin", "USDC", 6),
        "usdt": load("SilentToken", "Tether", "USDT", 6),
        "paxg": load("FeeToken", "Pax Gold", "PAXG", 18),
        "bat": load("FalseToken", "Attention", "BAT", 18),
        "nft": load("NFT"),
        "multi": load("MultiToken"),
        "ledger": load("StubLedger", settlement.address, 100),
    }
    at = {name: address(one.address) for name, one in contracts.items()}
    domain = Domain(boa.env.evm.patch.chain_id, address(settlement.address))
    state = State(domain, domain.chain_id, at["permit2"], START)
    state.contracts |= {
        at["permit2"]: Permit2(at["permit2"]),
        at["vault"]: Wallet(address_of(vault_owner)),
        at["usdc"]: Erc20(at["usdc"], "USD Coin"),
        at["usdt"]: Erc20(at["usdt"], "Tether", returns_nothing=True, takes_signed_approvals=False),
        at["paxg"]: Erc20(at["paxg"], "Pax Gold", fee=100),
        at["bat"]: Erc20(at["bat"], "Attention", returns_false=True, takes_signed_approvals=False),
        at["nft"]: Erc721(),
        at["multi"]: Erc1155(),
        at["ledger"]: Ledger(100),
    }
    contracts["paxg"].set_fee(100)
    made = World(Stage(settlement, contract("SettlementCheck").deploy(settlement.address), contracts, actors, state))
    for index, one in enumerate(actors):
        made.set_native(one.address, HOLDING)
        for name in ERC20S:
            made.mint(name, one.address, HOLDING)
            made.approve(name, one.address, domain.settlement, UINT256_MAX if index % 2 else HOLDING // 2)
            made.approve(name, one.address, at["permit2"], UINT256_MAX)
        for id in (index, index + len(actors)):
            made.mint_nft(one.address, id)
        made.approve_nft(one.address, index)
        if index:
            made.approve_all("nft", one.address, True)
        made.mint_multi(one.address, 7, HOLDING)
        made.approve_all("multi", one.address, index != 2)
    return replace(made.stage, state=made.state)


class World:
    """The chain and the specification, changed together."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.state = deepcopy(stage.state)
        self.settlement = stage.settlement
        self.actors = stage.actors
        self.addresses = {name: address(one.address) for name, one in stage.contracts.items()}
        self.scopes: dict[tuple[tuple[Address, ...], int], None] = {}
        """Sets of parties and nonce words that were named in a call"""

    @classmethod
    @contextmanager
    def fresh(cls, here: Stage | None = None) -> Iterator[World]:
        """A world as the stage is set; undone in the end."""
        here = here or stage()
        with rolled_back():
            boa.env.timestamp = START
            yield cls(here)

    @property
    def domain(self) -> Domain:
        return self.state.domain

    @property
    def now(self) -> int:
        return self.state.now

    def actor(self, where: Address) -> Actor:
        return next((one for one in self.actors if one.address == where), stranger)

    def erc20(self, name: str) -> Erc20:
        token = self.state.contracts[self.addresses[name]]
        assert isinstance(token, Erc20)
        return token

    @property
    def nft(self) -> Erc721:
        token = self.state.contracts[self.addresses["nft"]]
        assert isinstance(token, Erc721)
        return token

    @property
    def multi(self) -> Erc1155:
        token = self.state.contracts[self.addresses["multi"]]
        assert isinstance(token, Erc1155)
        return token

    # What happens around Settlement, on both sides

    def warp(self, seconds: int) -> None:
        boa.env.timestamp += seconds
        self.state.now += seconds

    def set_native(self, owner: Address, amount: int) -> None:
        boa.env.set_balance(owner, amount)
        self.state.native[owner] = amount

    def mint(self, name: str, owner: Address, amount: int) -> None:
        self.stage.contracts[name].mint(owner, amount)
        self.erc20(name).mint(owner, amount)

    def approve(self, name: str, owner: Address, spender: Address, amount: int) -> None:
        self.stage.contracts[name].approve(spender, amount, sender=owner)
        self.erc20(name).approve(owner, spender, amount)

    def permit(self, name: str, owner: Address, approval: Approval) -> None:
        """ERC-2612, sent by anybody, good or not."""
        signature, home = approval.signature, self.domain.settlement
        r, s = (part.to_bytes(32, "big") for part in (signature.r, signature.s))
        with suppress(boa.BoaError):
            self.stage.contracts[name].permit(
                owner, home, approval.amount, approval.deadline, 27 + signature.parity, r, s
            )
        with suppress(Reverted), whole_or_not_at_all(self.state):
            self.erc20(name).permit(self.state, owner, home, approval.amount, approval.deadline, signature)

    def mint_nft(self, owner: Address, id: int) -> None:
        self.stage.contracts["nft"].mint(owner, id)
        self.nft.owners[id] = owner

    def approve_nft(self, owner: Address, id: int) -> None:
        """Needs the owner, for this id, once."""
        self.stage.contracts["nft"].approve(self.settlement.address, id, sender=owner)
        self.nft.approved[id] = self.domain.settlement

    def mint_multi(self, owner: Address, id: int, amount: int) -> None:
        self.stage.contracts["multi"].mint(owner, id, amount)
        self.multi.balances[owner, id] = self.multi.balance_of_id(owner, id) + amount

    def approve_all(self, name: str, owner: Address, approved: bool) -> None:
        """Of `nft` or `multi`."""
        self.stage.contracts[name].setApprovalForAll(self.settlement.address, approved, sender=owner)
        token = self.nft if name == "nft" else self.multi
        (token.operators.add if approved else token.operators.discard)((owner, self.domain.settlement))

    # A call on both sides

    def do(self, call: Call) -> Outcome:
        """Make the call on both, which must agree in outcome, reason, answer and events."""
        happened, expected = self.on_chain(call), self.in_spec(call)
        assert happened == expected, f"{call.verb} by {self.actor(call.sender).role}: {happened} is not {expected}"
        return happened

    def on_chain(self, call: Call) -> Outcome:
        data = getattr(self.settlement, call.verb).prepare_calldata(*call.arguments)
        done = boa.env.execute_code(
            to_address=self.settlement.address, sender=call.sender, data=data, value=call.value, gas=GAS
        )
        output = bytes(done.output)
        if done.is_error:
            return Outcome(False, reason_of(output), b"", ())
        home = bytes.fromhex(self.domain.settlement[2:])
        events = tuple(event_of(topics, data) for where, topics, data in done.get_log_entries() if where == home)
        return Outcome(True, None, output, events)

    def in_spec(self, call: Call) -> Outcome:
        logged = len(self.state.log)
        try:
            answer = call.expected(self.state)
        except Reverted as refusal:
            return Outcome(False, refusal.values.get("reason", refusal.reason), b"", ())
        output = answer.to_bytes(32, "big") if isinstance(answer, int) else bytes(answer or b"")
        return Outcome(True, None, output, tuple(map(as_logged, self.state.log[logged:])))

    # Equality of everything else

    def assert_equal(self) -> None:
        """Every word of storage and every balance is what the specification says."""
        assert self.balances_on_chain() == self.balances_in_spec()
        expected = self.storage_in_spec()
        home = self.settlement.address
        touched = boa.env.sstore_trace.get(BoaAddress(home), set())
        written = {slot: boa.env.get_storage(home, slot) for slot in touched | set(expected)}
        assert {s: v for s, v in written.items() if v} == {s: v for s, v in expected.items() if v}

    def assert_views_equal(self) -> None:
        """Settlement's own readers say what the specification's do."""
        for (owner, word), bits in self.state.used_swaps.items():
            assert self.settlement.used_swaps(owner, word) == bits
        for parties, word in self.scopes:
            assert self.settlement.used_trades(list(parties), word) == used_trades(self.state, parties, word)

    def storage_in_spec(self) -> dict[int, int]:
        """Settlement's storage, slot by slot."""
        base = {name: place["slot"] for name, place in layout(self.settlement)["nonces"].items()}
        words: dict[int, int] = {}
        for (owner, word), bits in self.state.used_swaps.items():
            words[slot(base["used_swaps"], owner, word)] = bits
        for (scope, word), bits in self.state.used_trades.items():
            words[slot(base["used_trades"], scope, word)] = bits
        for (scope, word, party), notice in self.state.notices.items():
            first = slot(base["notices"], scope, word, party)
            words[first], words[first + 1] = notice.mask, notice.effective_at
        return words

    @property
    def everybody(self) -> list[Address]:
        others = [self.domain.settlement, CODELESS, stranger.address, *self.addresses.values()]
        return list(dict.fromkeys([*(one.address for one in self.actors), *others]))

    def balances_in_spec(self) -> dict[Any, int]:
        """All that anybody has or has allowed, by what and whose."""
        found: dict[Any, int] = {("native", who): self.state.native.get(who, 0) for who in self.everybody}
        for name in ERC20S:
            token = self.erc20(name)
            found |= {(name, who): token.balance_of(who) for who in self.everybody}
            found |= {(name, *pair): amount for pair, amount in token.allowances.items()}
            found |= {(name, "permits", who): count for who, count in token.permit_nonces.items()}
            found |= {(name, "used", *pair): 1 for pair in token.authorizations}
            found[name, "supply"] = sum(token.balances.values())
        found |= {("nft", id): int(owner, 16) for id, owner in self.nft.owners.items()}
        found |= {("nft", "approved", id): int(self.nft.approved.get(id, "0x0"), 16) for id in self.nft.owners}
        found |= {("multi", who, 7): self.multi.balance_of_id(who, 7) for who in self.everybody}
        ledger, permit2 = (self.state.contracts[self.addresses[name]] for name in ("ledger", "permit2"))
        assert isinstance(ledger, Ledger)
        assert isinstance(permit2, Permit2)
        found |= {("position", *key): lots % 2**256 for key, lots in ledger.positions.items()}
        found |= {("permit2", *key): bits for key, bits in permit2.used.items()}
        return found

    def balances_on_chain(self) -> dict[Any, int]:
        """The same, out of the other contracts' storage."""
        return {key: self._read(key) for key in self.balances_in_spec()}

    def _read(self, key: tuple[Any, ...]) -> int:
        match key:
            case ("native", who):
                return int(boa.env.get_balance(who))
            case ("nft", "approved", id):
                return self._slot("nft", "approved", id)
            case ("nft", id):
                return self._slot("nft", "owners", id)
            case ("multi", who, id):
                return self._slot("multi", "balances", id, who)
            case ("position", account, series):
                return self._slot("ledger", "positions", account, series)
            case ("permit2", owner, word):
                return self._slot("permit2", "nonceBitmap", owner, word)
            case (name, "permits", who):
                return self._slot(name, "nonces", who, module="signed_approvals")
            case (name, "used", who, nonce):
                return self._slot(name, "authorizationState", who, nonce, module="signed_approvals")
            case (name, "supply"):
                return self._slot(name, "totalSupply", module="erc20")
            case (name, who):
                return self._slot(name, "balanceOf", who, module="erc20")
            case (name, owner, spender):
                return self._slot(name, "allowance", owner, spender, module="erc20")
        raise AssertionError(key)

    def _slot(self, name: str, variable: str, *keys: Any, module: str | None = None) -> int:
        where = self.stage.contracts[name]
        variables = layout(where) if module is None else layout(where)[module]
        return int(boa.env.get_storage(where.address, slot(variables[variable]["slot"], *keys)))


def layout(where: VyperContract) -> Any:
    return where.compiler_data.storage_layout["storage_layout"]


def slot(base: int, *keys: int | bytes | str) -> int:
    """Where Vyper keeps an entry of a (nested) HashMap."""
    for key in keys:
        word = key.to_bytes(32, "big") if isinstance(key, int) else key
        word = bytes.fromhex(word[2:]).rjust(32, b"\0") if isinstance(word, str) else word
        base = int.from_bytes(keccak(base.to_bytes(32, "big") + word), "big")
    return base


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def reason_of(output: bytes) -> str | None:
    """The text of `Error(string)`, cut or not, or the name of an error of Permit2; None when there is neither."""
    if output[:4] == selector("Error(string)"):
        return output[68 : 68 + int.from_bytes(output[36:68], "big")].decode()
    names = {selector(error): error.partition("(")[0] for error in PERMIT2_ERRORS}
    assert not output or output[:4] in names, output.hex()
    return names[output[:4]] if output else None


EVENTS: Final = {
    "SwapSettled(bytes32,address,address)": lambda topics, _: SwapSettled(
        topics[0], as_address(topics[1]), as_address(topics[2])
    ),
    "TradeSettled(bytes32,bytes32)": lambda topics, _: TradeSettled(*topics),
    "NetSettled(bytes32[])": lambda _, data: NetSettled(tuple(decode(["bytes32[]"], data)[0])),
    "EntrySkipped(uint256,bytes)": lambda topics, data: EntrySkipped(
        int.from_bytes(topics[0], "big"), reason_of(decode(["bytes"], data)[0])
    ),
    "SwapsCancelled(address,uint256,uint256)": lambda topics, data: SwapsCancelled(
        as_address(topics[0]), *decode(["uint256"] * 2, data)
    ),
    "NoticeGiven(bytes32,address,uint256,uint256,uint256)": lambda topics, data: NoticeGiven(
        topics[0], as_address(topics[1]), *decode(["uint256"] * 3, data)
    ),
}


def event_of(topics: Sequence[int], data: bytes) -> Event:
    words = [topic.to_bytes(32, "big") for topic in topics]
    reader = next(reader for name, reader in EVENTS.items() if keccak(name.encode()) == words[0])
    event: Event = reader(words[1:], data)
    return event


def as_address(topic: bytes) -> Address:
    return checksummed(topic[-20:])


def as_logged(event: Event) -> Event:
    """A skipped entry keeps 100 bytes of what went wrong: 32 of the text."""
    if isinstance(event, EntrySkipped) and event.reason is not None:
        return replace(event, reason=event.reason[:32])
    return event
