"""What Settlement calls: tokens, Permit2, a wallet and a ledger; well behaved unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from peersettle.errors import Reverted, reverted
from peersettle.spec.chain import State, at, ecrecover, uint256
from peersettle.spec.contract import Contract, PositionMove
from peersettle.trades import Signature
from peersettle.trades.signature import HALF_ORDER
from peersettle.types import UINT256_MAX, ZERO_ADDRESS, Address, Hash32, keccak

Hook = Callable[[State], None]


def refuse_unless(condition: bool, reason: str) -> None:
    """Raise what the reason means to Settlement's caller."""
    if not condition:
        raise reverted(reason)


@dataclass
class Erc20(Contract):
    """A fungible token. A fee (basis points) is taken out of what arrives; an account's hook runs when it
    gives or gets."""

    address: Address
    name: str = ""
    version: str = "2"
    balances: dict[Address, int] = field(default_factory=dict)
    allowances: dict[tuple[Address, Address], int] = field(default_factory=dict)
    permit_nonces: dict[Address, int] = field(default_factory=dict)
    authorizations: set[tuple[Address, Hash32]] = field(default_factory=set)
    fee: int = 0
    hooks: dict[Address, Hook] = field(default_factory=dict)
    returns_nothing: bool = False
    returns_false: bool = False
    """Where others revert."""
    takes_signed_approvals: bool = True

    def mint(self, receiver: Address, amount: int) -> None:
        """Out of nothing."""
        self.balances[receiver] = uint256(self.balance_of(receiver) + amount)

    def approve(self, owner: Address, spender: Address, amount: int) -> None:
        """Set the standing allowance."""
        self.allowances[owner, spender] = amount

    def allowance(self, owner: Address, spender: Address) -> int:
        """The standing allowance."""
        return self.allowances.get((owner, spender), 0)

    def balance_of(self, owner: Address) -> int:
        """ERC-20."""
        return self.balances.get(owner, 0)

    def transfer(self, state: State, caller: Address, receiver: Address, amount: int) -> bool | None:
        """ERC-20."""
        if self.returns_false and self.balance_of(caller) < amount:
            return False
        self.move(state, caller, receiver, amount)
        return None if self.returns_nothing else True

    def transfer_from(
        self, state: State, caller: Address, giver: Address, receiver: Address, amount: int
    ) -> bool | None:
        """ERC-20. The largest allowance is never used up."""
        allowed = self.allowance(giver, caller)
        if self.returns_false and (self.balance_of(giver) < amount or allowed < amount):
            return False
        if allowed != UINT256_MAX:
            refuse_unless(allowed >= amount, "ERC20: transfer amount exceeds allowance")
            self.allowances[giver, caller] = allowed - amount
        self.move(state, giver, receiver, amount)
        return None if self.returns_nothing else True

    def permit(
        self, state: State, owner: Address, spender: Address, amount: int, deadline: int, signature: Signature
    ) -> None:
        """ERC-2612."""
        if not self.takes_signed_approvals:
            raise Reverted
        refuse_unless(state.now <= deadline, "permit is expired")
        nonce = self.permit_nonces.get(owner, 0)
        self.permit_nonces[owner] = nonce + 1
        digest = self.digest(
            state,
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
            *(int(owner, 16), int(spender, 16), amount, nonce, deadline),
        )
        require_signer(owner, digest, signature)
        self.approve(owner, spender, amount)

    def receive_with_authorization(
        self,
        state: State,
        caller: Address,
        giver: Address,
        amount: int,
        valid_before: int,
        nonce: Hash32,
        signature: Signature,
    ) -> None:
        """ERC-3009."""
        if not self.takes_signed_approvals:
            raise Reverted
        refuse_unless(state.now > 0, "authorization is not yet valid")
        refuse_unless(state.now < valid_before, "authorization is expired")
        refuse_unless((giver, nonce) not in self.authorizations, "authorization is used or canceled")
        digest = self.digest(
            state,
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
            "uint256 validBefore,bytes32 nonce)",
            *(int(giver, 16), int(caller, 16), amount, 0, valid_before, int.from_bytes(nonce, "big")),
        )
        require_signer(giver, digest, signature)
        self.authorizations.add((giver, nonce))
        self.move(state, giver, caller, amount)

    def move(self, state: State, giver: Address, receiver: Address, amount: int) -> None:
        """Change balances; the fee is burnt."""
        if giver in self.hooks:
            self.hooks[giver](state)
        fee = uint256(amount * self.fee) // 10_000
        refuse_unless(receiver != ZERO_ADDRESS, "ERC20: transfer to the zero address")
        refuse_unless(self.balance_of(giver) >= amount - fee, "ERC20: transfer amount exceeds balance")
        self.balances[giver] = self.balance_of(giver) - (amount - fee)
        self.balances[receiver] = uint256(self.balance_of(receiver) + amount - fee)
        refuse_unless(self.balance_of(giver) >= fee, "ERC20: burn amount exceeds balance")
        self.balances[giver] -= fee
        if receiver in self.hooks:
            self.hooks[receiver](state)

    def digest(self, state: State, type_: str, *words: int) -> Hash32:
        """What is signed for this token."""
        domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        texts = (int.from_bytes(keccak(text.encode()), "big") for text in (self.name, self.version))
        return eip712(hashed(domain, *texts, state.domain.chain_id, int(self.address, 16)), hashed(type_, *words))


@dataclass
class Erc721(Contract):
    """A token of unique ids, without safe transfers."""

    owners: dict[int, Address] = field(default_factory=dict)
    approved: dict[int, Address] = field(default_factory=dict)
    operators: set[tuple[Address, Address]] = field(default_factory=set)

    def balance_of(self, owner: Address) -> int:
        """How many ids."""
        return sum(holder == owner for holder in self.owners.values())

    def owner_of(self, id: int) -> Address:
        """ERC-721."""
        refuse_unless(id in self.owners, "ERC721: invalid token ID")
        return self.owners[id]

    def transfer_from(
        self,
        state: State,  # noqa: ARG002
        caller: Address,
        giver: Address,
        receiver: Address,
        amount: int,
    ) -> None:
        """ERC-721: `amount` is the id. A transfer ends the id's single approval."""
        owner = self.owner_of(amount)
        may = caller in (owner, self.approved.get(amount)) or (owner, caller) in self.operators
        refuse_unless(may, "ERC721: transfer caller is not owner nor approved")
        refuse_unless(giver == owner, "ERC721: transfer from incorrect owner")
        refuse_unless(receiver != ZERO_ADDRESS, "ERC721: transfer to the zero address")
        self.approved.pop(amount, None)
        self.owners[amount] = receiver


@dataclass
class Erc1155(Contract):
    """A token of many ids. A receiver with code must accept."""

    balances: dict[tuple[Address, int], int] = field(default_factory=dict)
    operators: set[tuple[Address, Address]] = field(default_factory=set)

    def balance_of_id(self, owner: Address, id: int) -> int:
        """ERC-1155."""
        return self.balances.get((owner, id), 0)

    def safe_transfer_from(
        self, state: State, caller: Address, giver: Address, receiver: Address, id: int, amount: int
    ) -> None:
        """ERC-1155."""
        may = caller == giver or (giver, caller) in self.operators
        refuse_unless(may, "ERC1155: caller is not owner nor approved")
        refuse_unless(receiver != ZERO_ADDRESS, "ERC1155: transfer to the zero address")
        refuse_unless(self.balance_of_id(giver, id) >= amount, "ERC1155: insufficient balance for transfer")
        self.balances[giver, id] = self.balance_of_id(giver, id) - amount
        self.balances[receiver, id] = uint256(self.balance_of_id(receiver, id) + amount)
        if receiver in state.contracts:
            state.contracts[receiver].accept_erc1155()


@dataclass
class Permit2(Contract):
    """Signed transfers for every ERC-20 that has allowed it. A refusal is named as its custom error."""

    address: Address
    used: dict[tuple[Address, int], int] = field(default_factory=dict)
    """(owner, word) → bits"""

    def permit_witness_transfer_from(
        self,
        state: State,
        caller: Address,
        token: Address,
        permitted: int,
        nonce: int,
        deadline: int,
        receiver: Address,
        amount: int,
        owner: Address,
        witness: Hash32,
        signature: Signature,
    ) -> None:
        """Move `amount` of at most `permitted`, once, for the caller that the owner has signed for."""
        refuse_unless(state.now <= deadline, "SignatureExpired")
        refuse_unless(amount <= permitted, "InvalidAmount")
        word, bit = nonce >> 8, 1 << (nonce & 255)
        refuse_unless(self.used.get((owner, word), 0) & bit == 0, "InvalidNonce")
        self.used[owner, word] = self.used.get((owner, word), 0) | bit
        permissions = "TokenPermissions(address token,uint256 amount)"
        message = hashed(
            "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,"
            "uint256 deadline,bytes32 tradeHash)" + permissions,
            int.from_bytes(hashed(permissions, int(token, 16), permitted), "big"),
            int(caller, 16),
            nonce,
            deadline,
            int.from_bytes(witness, "big"),
        )
        domain = "EIP712Domain(string name,uint256 chainId,address verifyingContract)"
        name = int.from_bytes(keccak(b"Permit2"), "big")
        digest = eip712(hashed(domain, name, state.chain_id, int(self.address, 16)), message)
        if owner in state.contracts:
            accepted = at(state, owner).is_valid_signature(digest, signature.to_compact())
            refuse_unless(accepted, "InvalidContractSignature")
        else:
            signer = ecrecover(digest, 27 + signature.parity, signature.r, signature.s)
            refuse_unless(signer is not None, "InvalidSignature")
            refuse_unless(signer == owner, "InvalidSigner")
        try:
            answer = at(state, token).transfer_from(state, self.address, owner, receiver, amount)
        except Reverted:
            answer = False
        refuse_unless(answer is not False, "TRANSFER_FROM_FAILED")


@dataclass
class Wallet(Contract):
    """A contract wallet of one key, which signs by ERC-1271 and takes whatever it is paid.

    Its fallback swallows every call that it does not know, and answers nothing: what is left to do is then done.
    """

    owner: Address

    def is_valid_signature(self, digest: Hash32, signature: bytes) -> bool:
        """The owner's, in 64 or 65 bytes, high s or low."""
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        if len(signature) == 64:
            return ecrecover(digest, 27 + (s >> 255), r, s & 2**255 - 1) == self.owner
        return len(signature) == 65 and ecrecover(digest, signature[64], r, s) == self.owner

    def transfer_from(
        self,
        state: State,
        caller: Address,
        giver: Address,
        receiver: Address,
        amount: int,
    ) -> None:
        """The fallback."""

    def settle_positions(
        self,
        state: State,
        caller: Address,
        trade_hash: Hash32,
        moves: Sequence[PositionMove],
    ) -> None:
        """The fallback."""

    def accept_erc1155(self) -> None:
        """Yes."""

    def accept_native(self) -> None:
        """Yes."""


@dataclass
class Ledger(Contract):
    """A margin ledger reduced to positions, with a limit on short lots in place of margin."""

    limit: int
    positions: dict[tuple[int, int], int] = field(default_factory=dict)
    """(account, series) → lots"""

    def settle_positions(
        self,
        state: State,
        caller: Address,
        trade_hash: Hash32,  # noqa: ARG002
        moves: Sequence[PositionMove],
    ) -> None:
        """All moves, then the gate for every account that was lowered."""
        refuse_unless(caller == state.settlement, "settlement")
        for move in moves:
            self.change(move.giver, move.series, -move.lots)
            self.change(move.receiver, move.series, move.lots)
        for move in moves:
            short = -sum(min(0, lots) for (account, _), lots in self.positions.items() if account == move.giver)
            refuse_unless(short <= self.limit, "margin")

    def change(self, account: int, series: int, lots: int) -> None:
        """Add lots to a position."""
        self.positions[account, series] = self.positions.get((account, series), 0) + lots


def require_signer(signer: Address, digest: Hash32, signature: Signature) -> None:
    """As a token with signed approvals judges a signature."""
    refuse_unless(signature.s <= HALF_ORDER, "invalid signature 's' value")
    refuse_unless(ecrecover(digest, 27 + signature.parity, signature.r, signature.s) == signer, "invalid signature")


def hashed(type_: str, *words: int) -> Hash32:
    """EIP-712's hash of a struct."""
    return keccak(keccak(type_.encode()) + b"".join(word.to_bytes(32, "big") for word in words))


def eip712(domain: Hash32, message: Hash32) -> Hash32:
    """The digest that is signed."""
    return keccak(b"\x19\x01" + domain + message)
