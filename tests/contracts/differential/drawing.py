"""Random calls of Settlement: mostly meant to settle, some with a thing wrong that could be sent all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from eth_account.messages import encode_typed_data
from hypothesis import strategies as st
from tests.contracts.differential.world import (
    CODELESS,
    ERC20S,
    GAS_CAP,
    Actor,
    Call,
    World,
    stranger,
)

from peersettle.spec import settlement as spec
from peersettle.spec.chain import as_received
from peersettle.trades import (
    NETTABLE,
    Approval,
    ApprovalMethod,
    Leg,
    LegKind,
    Quote,
    Signature,
    Swap,
    Trade,
    net,
    swap_digest,
    trade_digest,
)
from peersettle.trades.approvals import authorization_typed_data, permit2_typed_data, permit_typed_data
from peersettle.trades.signature import ORDER
from peersettle.types import UINT256_MAX, ZERO_ADDRESS, ZERO_HASH, Address, Hash32, hash32, keccak

T = TypeVar("T")
M = TypeVar("M", Swap, Trade, Leg, Approval)
ZEROS: Final = Signature(0, 0, 0)
LEG_FAULTS: Final = (
    "codeless",
    "another kind's token",
    "outsider",
    "kind",
    "id",
    "amount",
    "ledger",
    "native token",
)
TRADE_FAULTS: Final = (
    "early",
    "expired",
    "submitter",
    "unsorted",
    "twice",
    "zero party",
    "settlement",
    "no mask",
    "flag",
    "value",
)


def with_fields(message: M, **changes: object) -> M:
    """A copy with any fields at all."""
    return as_received(type(message), **{f.name: getattr(message, f.name) for f in fields(message)} | changes)


@dataclass
class Drawing:
    """Draws from hypothesis. On average one choice in `faults` goes wrong; none when it is zero."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    world: World
    faults: int = 6
    valid: bool = False
    """Whether messages are such as `peersettle.trades` builds; amounts, signatures and times may still be wrong."""
    tokens: tuple[str, ...] = ERC20S

    def one(self, options: Sequence[T]) -> T:
        drawn: T = self.draw(st.sampled_from(options))
        return drawn

    def chance(self, of: int) -> bool:
        """One in `of`; shrinks to no."""
        return bool(self.draw(st.integers(0, of - 1)) == of - 1)

    def fault(self, *names: str) -> str | None:
        return self.one(names) if self.faults and self.chance(self.faults) else None

    def amount(self) -> int:
        if self.faults and self.chance(3 * self.faults):
            return self.one([2_000, 700, 2**255 - 1, 2**255, UINT256_MAX][: 2 if self.valid else None])
        return self.one([1, 7, 20, 60, 0, 100])

    def actor(self) -> Actor:
        return self.one(self.world.actors)

    def token(self) -> Address:
        return self.world.addresses[self.one([*self.tokens, "usdc", "usdt"])]

    def deadline(self, fault: str | None = None) -> int:
        return self.world.now - 1 if fault == "expired" else self.world.now + self.one([600, 0])

    # Signatures

    def signature(self, signer: Address, digest: Hash32) -> Signature:
        good = self.world.actor(signer).sign(digest)
        match self.fault("stranger", "another digest", "high s", "zeros", "parity"):
            case "stranger":
                return stranger.sign(digest)
            case "another digest":
                return self.world.actor(signer).sign(keccak(digest))
            case "high s":
                return Signature(good.r, ORDER - good.s, 1 - good.parity)
            case "zeros":
                return ZEROS
            case "parity":
                return Signature(good.r, good.s, 1 - good.parity)
        return good

    def compact(self, signer: Address, digest: Hash32) -> Signature:
        """As r|vs holds it: the bits of a high s run into the parity."""
        r, vs = (int.from_bytes(word, "big") for word in self.signature(signer, digest).to_abi())
        return Signature(r, vs % 2**255, vs >> 255)

    def signed(self, signer: Address, digest: Hash32, *, optional: bool = False) -> bytes:
        """In any form, right or wrong. An optional one may be anything."""
        if optional and self.chance(2):
            return self.one([b"", b"\0" * 65])
        signature = self.signature(signer, digest)
        if signature.s < 2**255 and self.chance(3):
            return signature.to_compact()
        full = signature.to_bytes()
        match self.fault("short", "long", "v"):
            case "short":
                return full[:-2]
            case "long":
                return full + b"\0"
            case "v":
                return full[:64] + bytes([self.one([2, 26, 29, 255])])
        return full[:64] + bytes([full[64] - 27]) if self.chance(3) else full

    # Approvals

    def approvals(self, legs: Sequence[Leg], trade_hash: Hash32) -> list[Approval]:
        """For some of the ERC-20 legs, in order."""
        found = [
            self.approval(index, leg, trade_hash)
            for index, leg in enumerate(legs)
            if leg.kind <= LegKind.ERC20_EXACT and self.chance(4)
        ]
        if found and not self.valid:
            match self.fault("reversed", "twice", "another leg"):
                case "reversed":
                    found.reverse()
                case "twice":
                    found.append(found[-1])
                case "another leg":
                    found[-1] = with_fields(found[-1], leg=self.one([0, 1, 2, 20]))
        return found

    def approval(self, index: int, leg: Leg, trade_hash: Hash32) -> Approval:
        method = self.one(list(ApprovalMethod))
        fault = self.fault(*["expired", "too little", "stranger", "method", "nonce"][: 2 if self.valid else None])
        amount = leg.amount - 1 if fault == "too little" and leg.amount else leg.amount
        if method is ApprovalMethod.ERC2612 and self.chance(2):
            amount = min(UINT256_MAX, amount + 5)
        permit2 = self.world.state.contracts[self.world.addresses["permit2"]]
        used = getattr(permit2, "used", {}).get((leg.giver, 0), 0)
        nonce = 0 if fault == "nonce" else next(bit for bit in range(255) if not used >> bit & 1)
        if method is ApprovalMethod.PERMIT2:
            nonce += index if fault != "nonce" else 0
        deadline = self.world.now - 1 if fault == "expired" else self.world.now + self.one([600, 1])
        signer = stranger if fault == "stranger" else self.world.actor(leg.giver)
        digest = self._approval_digest(method, index, leg, trade_hash, amount, nonce, deadline)
        good = Approval(index, method, amount, nonce, deadline, signer.sign(digest))
        return with_fields(good, method=self.one([0, 4])) if fault == "method" else good

    def _approval_digest(
        self,
        method: ApprovalMethod,
        index: int,
        leg: Leg,
        trade_hash: Hash32,
        amount: int,
        nonce: int,
        deadline: int,
    ) -> Hash32:
        settlement, chain_id = self.world.domain.settlement, self.world.domain.chain_id
        token = self.world.state.contracts.get(leg.token)
        name, nonces = getattr(token, "name", ""), getattr(token, "permit_nonces", {})
        domain = {"name": name, "version": "2", "chainId": chain_id, "verifyingContract": leg.token}
        if method is ApprovalMethod.ERC2612:
            count = nonces.get(leg.giver, 0)
            data = permit_typed_data(domain, leg.giver, settlement, amount, count, deadline)
        elif method is ApprovalMethod.PERMIT2:
            asked = with_fields(leg, amount=amount)
            permit2 = self.world.addresses["permit2"]
            data = permit2_typed_data(chain_id, permit2, settlement, asked, trade_hash, nonce, deadline)
        else:
            data = authorization_typed_data(domain, settlement, leg, index, trade_hash, deadline)
        message = encode_typed_data(full_message=data)
        return keccak(b"\x19" + message.version + message.header + message.body)

    # Swaps

    def swap(self, *, nettable: bool = False) -> Swap:
        fault = self.fault(*["expired", "codeless", "same"][: 2 if self.valid else None])
        by = self.actor().address
        to = by if fault == "same" else self.one([one.address for one in self.world.actors if one.address != by])
        if not nettable and self.chance(4):
            to = ZERO_ADDRESS
        nonce = self.draw(st.integers(0, 31)) << self.one([0, 5])
        return as_received(
            Swap,
            maker=by,
            taker=to,
            maker_token=CODELESS if fault == "codeless" else self.token(),
            maker_amount=self.amount(),
            taker_token=self.token(),
            taker_amount=self.amount(),
            nonce=nonce | (NETTABLE if nettable else 0),
            deadline=self.deadline(fault),
            terms=self.one([ZERO_HASH, hash32(b"\7" * 32)]),
        )

    def take(self) -> Call:
        swap = self.swap()
        taker = self.actor().address if swap.taker == ZERO_ADDRESS else swap.taker
        sender = self.actor().address if self.fault("sender") else taker
        signature = self.compact(swap.maker, swap_digest(self.world.domain, swap))
        return Call(
            "swap",
            sender,
            (swap.to_abi(), signature.to_abi()),
            lambda state: spec.swap(state, sender, swap, signature),
        )

    def relay(self) -> Call:
        swap, sender = self.swap(), self.actor().address
        if not self.faults or not self.chance(2 * self.faults):
            swap = with_fields(swap, taker=swap.taker if swap.taker != ZERO_ADDRESS else self._another(swap.maker))
        digest = swap_digest(self.world.domain, swap)
        by_maker, by_taker = self.compact(swap.maker, digest), self.compact(swap.taker, digest)
        return Call(
            "swap_relayed",
            sender,
            (swap.to_abi(), by_maker.to_abi(), by_taker.to_abi()),
            lambda state: spec.swap_relayed(state, sender, swap, by_maker, by_taker),
        )

    def swap_approved(self) -> Call:
        swap, sender = self.swap(), self.actor().address
        digest = swap_digest(self.world.domain, swap)
        payer = sender if swap.taker == ZERO_ADDRESS else swap.taker
        by_maker = self.signed(swap.maker, digest)
        by_taker = self.signed(payer, digest, optional=payer == sender)
        legs = [
            spec.erc20_leg(swap.maker, payer, swap.maker_token, swap.maker_amount),
            spec.erc20_leg(payer, swap.maker, swap.taker_token, swap.taker_amount),
        ]
        approvals = self.approvals(legs, digest)
        return Call(
            "swap_approved",
            sender,
            (swap.to_abi(), by_maker, by_taker, [a.to_abi() for a in approvals]),
            lambda state: spec.swap_approved(state, sender, swap, by_maker, by_taker, approvals),
        )

    def _another(self, than: Address) -> Address:
        return self.one([one.address for one in self.world.actors if one.address != than])

    # Trades

    def parties(self) -> tuple[Address, ...]:
        size = self.one([2, 2, 3, 1, 4])
        count = len(self.world.actors)
        first = self.draw(st.integers(0, count - 1)) if self.chance(3) else 0  # the same few again: words fill
        chosen = {self.world.actors[(first + step) % count].address for step in range(size)}
        return tuple(sorted(chosen, key=lambda party: int(party, 16)))

    def leg(self, parties: Sequence[Address], sender: Address, owners: dict[int, Address]) -> Leg:
        """`owners`: who will have which ERC-721 when the leg is reached."""
        giver, receiver = self.one(parties), self.one(parties)
        kinds = [LegKind.ERC20] * 3 + [LegKind.ERC20_EXACT, LegKind.ERC721, LegKind.ERC1155, LegKind.POSITION]
        kind = self.one(kinds + [LegKind.NATIVE] * (sender in parties))
        token, id, amount = self.token(), 0, self.amount()
        if kind is LegKind.ERC721:
            mine = [id for id, owner in owners.items() if owner == giver]
            token, id, amount = self.world.addresses["nft"], self.one(mine) if mine else 0, 1
            owners[id] = receiver
        elif kind is LegKind.ERC1155:
            token, id = self.world.addresses["multi"], 7
        elif kind is LegKind.NATIVE:
            giver, token, amount = sender, ZERO_ADDRESS, self.one([1, 5, 0])
        elif kind is LegKind.POSITION:
            token, id = self.world.addresses["ledger"], self.one([1, 2])
            sub_accounts = self.one([0, 1, 1 << 96, 5 << 96 | 6])
            amount = self.one([1, 5, 30, 2**64 - 1] if self.faults and not self.valid else [1, 2]) | sub_accounts << 64
        good = as_received(Leg, giver=giver, receiver=receiver, kind=kind, token=token, id=id, amount=amount)
        return self.leg_with_fault(good, self.fault(*LEG_FAULTS[: 2 if self.valid else None]))

    def leg_with_fault(self, leg: Leg, fault: str | None) -> Leg:
        match fault:
            case "outsider":
                name = self.one(["giver", "receiver"])
                return with_fields(leg, **{name: self.one([self.actor().address, stranger.address])})
            case "kind":
                return with_fields(leg, kind=self.one([6, 7, 255, *LegKind]))
            case "id":
                return with_fields(leg, id=self.one([1, 2, UINT256_MAX]))
            case "amount":
                return with_fields(leg, amount=self.one([0, 2, 1 << 64]))
            case "ledger":
                kind = LegKind.POSITION
                return with_fields(
                    leg, kind=kind, token=self.one([CODELESS, self.world.addresses["nft"], ZERO_ADDRESS])
                )
            case "native token":
                return with_fields(leg, kind=LegKind.NATIVE, token=self.one([leg.token, ZERO_ADDRESS]))
            case "codeless" if leg.kind != LegKind.NATIVE:
                return with_fields(leg, token=self.one([CODELESS, self.world.domain.settlement]))
            case "another kind's token" if leg.kind != LegKind.NATIVE:
                return with_fields(leg, token=self.one(list(self.world.addresses.values())))
        return leg

    def trade(self, sender: Address, parties: tuple[Address, ...] | None = None) -> Trade:
        parties = self.parties() if parties is None else parties
        owners = dict(self.world.nft.owners)
        legs = tuple(self.leg(parties, sender, owners) for _ in range(self.one([2, 1, 0, 3, 5])))
        mask = 1 << self.draw(st.integers(0, 15))
        if self.chance(5):
            mask |= self.draw(st.integers(0, 2**16 - 1))
        good = as_received(
            Trade,
            parties=parties,
            legs=legs,
            nonce_word=self.one([0, 0, 0, 1, UINT256_MAX]),
            nonce_mask=mask,
            valid_after=self.world.now - self.one([0, 1]),
            deadline=self.deadline(),
            submitter=self.one([ZERO_ADDRESS, ZERO_ADDRESS, sender]),
            terms=ZERO_HASH,
        )
        return self.trade_with_fault(good, self.fault(*TRADE_FAULTS[: 3 if self.valid else None]))

    def trade_with_fault(self, trade: Trade, fault: str | None) -> Trade:
        parties = trade.parties
        changes: dict[str | None, dict[str, object]] = {
            "early": {"valid_after": self.world.now + 1},
            "expired": {"deadline": self.world.now - 1},
            "submitter": {"submitter": stranger.address},
            "unsorted": {"parties": parties[::-1]},
            "twice": {"parties": (*parties, parties[-1])},
            "zero party": {"parties": (ZERO_ADDRESS, *parties)},
            "settlement": {
                "parties": tuple(sorted({*parties, self.world.domain.settlement}, key=lambda p: int(p, 16)))
            },
            "no mask": {"nonce_mask": 0},
            "flag": {"nonce_mask": trade.nonce_mask | 1 << 255},
        }
        return with_fields(trade, **changes.get(fault, {}))

    def entry(self, sender: Address, parties: tuple[Address, ...] | None = None) -> spec.Entry:
        trade = self.trade(sender, parties)
        digest = trade_digest(self.world.domain, trade)
        signed = [self.signed(party, digest, optional=party == sender) for party in trade.parties]
        if self.fault("count"):
            signed = self.one([signed[1:], [*signed, b""]])
        self.world.scopes[trade.parties, trade.nonce_word] = None
        return spec.Entry(trade, signed[:8], self.approvals(trade.legs, digest))

    def settle(self) -> Call:
        parties = self.parties()
        sender = self.one([*parties, self.world.actors[3].address])
        return self.settle_entry(sender, self.entry(sender, parties))

    def settle_entry(self, sender: Address, entry: spec.Entry) -> Call:
        value = min(500, sum(leg.amount for leg in entry.trade.legs if leg.kind == LegKind.NATIVE))
        value += self.one([1, 3]) if self.fault("value") else 0
        return Call(
            "settle",
            sender,
            arguments_of(entry),
            lambda state: spec.settle(state, sender, entry.trade, entry.signed, entry.approvals, value),
            value if self.world.state.native[sender] >= value else 0,
        )

    def batch(self) -> Call:
        sender = self.actor().address
        entries = [
            None if self.fault("undecodable") else self.entry(self.one([self.world.domain.settlement, sender]))
            for _ in range(self.one([2, 1, 3, 0]))
        ]
        encode = self.world.settlement.settle.prepare_calldata
        caps = [GAS_CAP] * (len(entries) + (1 if self.fault("length") and self.chance(3) else 0))
        packed = [b"\1" * 40 if entry is None else encode(*arguments_of(entry))[4:] for entry in entries]
        return Call(
            "settle_batch",
            sender,
            (packed, caps),
            lambda state: spec.settle_batch(state, sender, entries, caps),
        )

    # Netting

    def quotes(self, count: int) -> list[Quote]:
        """Signed by both."""
        found: dict[tuple[Address, int], Quote] = {}
        clean = replace(self, faults=0)
        for _ in range(count):
            swap = clean.swap(nettable=True)
            digest = swap_digest(self.world.domain, swap)
            by_maker, by_taker = (self.world.actor(who).sign(digest).to_bytes() for who in (swap.maker, swap.taker))
            found[swap.maker, swap.nonce] = Quote(self.world.domain, swap, by_maker, by_taker)
        return list(found.values())

    def net(self) -> Call:
        sender = self.actor().address
        parties, tokens, swaps, moves = net(self.quotes(self.one([2, 1, 3, 5]))).to_abi()
        parties, tokens, swaps, moves = self.net_with_fault(parties, tokens, swaps, moves)
        return net_call(sender, parties, tokens, swaps, moves)

    def net_with_fault(self, parties: Any, tokens: Any, swaps: Any, moves: Any) -> Any:
        at = self.draw(st.integers(0, len(swaps) - 1))
        swap = list(swaps[at])
        match self.fault("signature", "nonce", "deadline", "route", "terms", "amount", "sender"):
            case "signature":
                swap[self.one([5, 6, 7, 8])] = b"\1" * 32
            case "nonce":
                swap[3] ^= self.one([1, NETTABLE])
            case "deadline":
                swap[0] = swap[0] % 2**32 | self.world.now - 1 << 32
            case "route":
                swap[0] ^= 1 << self.draw(st.integers(0, 31))
            case "terms":
                swap[4] = b"\1" * 32
            case "amount":
                swap[self.one([1, 2])] = self.one([2**255 - 1, 2**255, 3])
        swaps = [*swaps[:at], tuple(swap), *swaps[at + 1 :]]
        match self.fault("reversed", "twice", "zero", "one more"):
            case "reversed":
                parties, tokens = self.one([(parties[::-1], tokens), (parties, tokens[::-1])])
            case "twice":
                parties, tokens = self.one([([*parties, parties[-1]], tokens), (parties, [*tokens, tokens[-1]])])
            case "zero":
                parties, tokens = self.one([([ZERO_ADDRESS, *parties], tokens), (parties, [ZERO_ADDRESS, *tokens])])
            case "one more":
                last = Address("0x" + "ff" * 20)
                parties, tokens = self.one([([*parties, last], tokens), (parties, [*tokens, last])])
        return parties, tokens, swaps, self.moves_with_fault(moves, len(parties), len(tokens))

    def moves_with_fault(self, moves: Any, parties: int, tokens: int) -> Any:
        fault = self.fault("drop", "repeat", "reverse", "amount", "wash", "index", "nothing", "order")
        if fault == "nothing":
            return [*moves, self._move(parties, tokens, 0)]
        if fault is None or not moves:
            return moves
        at = self.draw(st.integers(0, len(moves) - 1))
        route, amount = moves[at]
        giver, receiver, token = route & 255, route >> 8 & 255, route >> 16
        changed: list[tuple[int, int]]
        match fault:
            case "drop":
                changed = []
            case "repeat":
                changed = [moves[at], moves[at]]
            case "reverse":
                changed = [(token << 16 | giver << 8 | receiver, amount)]
            case "amount":
                changed = [(route, max(0, amount + self.one([-1, 1, 2**255])))]
            case "wash":
                via = self.draw(st.integers(0, parties - 1))
                changed = [(token << 16 | via << 8 | giver, amount), (token << 16 | receiver << 8 | via, amount)]
            case "index":
                changed = [(self.one([route | 15, route | 15 << 8, token + parties << 16 | route % 2**16]), amount)]
            case _:
                return moves[::-1]
        return [*moves[:at], *changed, *moves[at + 1 :]]

    def _move(self, parties: int, tokens: int, amount: int) -> tuple[int, int]:
        giver, receiver = (self.draw(st.integers(0, parties - 1)) for _ in range(2))
        return self.draw(st.integers(0, tokens - 1)) << 16 | receiver << 8 | giver, amount

    # Cancelling

    def cancel(self) -> Call:
        sender, word = self.actor().address, self.one([0, 1, NETTABLE >> 8])
        mask = 1 << self.draw(st.integers(0, 31)) | (self.one([0, UINT256_MAX]) if self.chance(8) else 0)
        return Call("cancel", sender, (word, mask), lambda state: spec.cancel(state, sender, word, mask))

    def cancel_trade(self) -> Call:
        parties, word = self.parties(), self.one([0, 0, 0, 1, UINT256_MAX])
        if self.fault("order"):
            parties = self.one([parties[::-1], ()])
        sender = self.actor().address if self.fault("sender") or not parties else self.one(parties)
        mask = self.one([0, 1 << 255, UINT256_MAX]) if self.fault("mask") else 1 << self.draw(st.integers(0, 15))
        self.world.scopes[parties, word] = None
        return Call(
            "cancel_trade",
            sender,
            (list(parties), word, mask),
            lambda state: spec.cancel_trade(state, sender, parties, word, mask),
        )


def arguments_of(entry: spec.Entry) -> tuple[Any, ...]:
    """What `settle` takes."""
    return entry.trade.to_abi(), list(entry.signed), [a.to_abi() for a in entry.approvals]


def net_call(sender: Address, parties: Any, tokens: Any, swaps: Any, moves: Any) -> Call:
    """`settle_net`, and the same unpacked for the specification."""
    unpacked = [net_swap(*swap) for swap in swaps]
    steps = [spec.NetMove(route & 255, route >> 8 & 255, route >> 16, amount) for route, amount in moves]
    return Call(
        "settle_net",
        sender,
        (list(parties), list(tokens), swaps, moves),
        lambda state: spec.settle_net(state, sender, parties, tokens, unpacked, steps),
    )


def net_swap(
    route: int, maker_amount: int, taker_amount: int, nonce: int, terms: bytes, *signatures: bytes
) -> spec.NetSwap:
    r, vs, taker_r, taker_vs = (int.from_bytes(word, "big") for word in signatures)
    return spec.NetSwap(
        maker=route & 255,
        taker=route >> 8 & 255,
        maker_token=route >> 16 & 255,
        maker_amount=maker_amount,
        taker_token=route >> 24 & 255,
        taker_amount=taker_amount,
        nonce=nonce,
        deadline=route >> 32,
        terms=Hash32(terms),
        maker_signature=Signature(r, vs % 2**255, vs >> 255),
        taker_signature=Signature(taker_r, taker_vs % 2**255, taker_vs >> 255),
    )
