"""Margin accounts from the desk: whose they are, what is put in front of a call, deposits, expiry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.bindings.amounts import Token
from peersettle.cli.desk import Desk
from peersettle.errors import InputError, InvalidField, Reverted, SourceError
from peersettle.risk.instruments import expiry
from peersettle.signing import Signer
from peersettle.trades import Approval, ApprovalMethod
from peersettle.trades.approvals import permit_typed_data
from peersettle.trades.signature import Signature
from peersettle.types import Account, Address, from_units

if TYPE_CHECKING:
    from peersettle.bindings import Plan
    from peersettle.chain import Call, Receipt

PERMIT_LIFE: Final = 1_800
"""Seconds for which a deposit's permit holds."""
_MOST_EXPIRING: Final = 16
"""Accounts in one call of the Ledger."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was sent: the plan, and the receipts in order."""

    plan: Plan
    receipts: tuple[Receipt, ...]

    @property
    def receipt(self) -> Receipt:
        """Of the call itself."""
        return self.receipts[-1]


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling did: what was sent, which instruments are done with, and what has to wait and why."""

    carried: Carried | None
    names: tuple[str, ...]
    waiting: tuple[str, ...]


def account_of(desk: Desk, text: str | None, sub: int, signer: Signer | None = None) -> Account:
    """An account by its owner's address or key name, `OWNER/SUB`, or the signer's own.

    Raises:
        InputError: neither an account nor a signer.
    """
    if text is None:
        if signer is None:
            raise InputError("whose account? give an address, the name of a key, or --key")
        return Account(signer.address, sub)
    owner, _, rest = text.partition("/")
    if rest and not (rest.isascii() and rest.isdigit()):
        raise InvalidField("account", text, "give OWNER or OWNER/SUB, as alice/1")
    return Account(desk.party(owner), int(rest) if rest else sub)


def price_updates(desk: Desk, markets: Iterable[int]) -> list[Call]:
    """Updates of the prices that are too old, from the reporters that the settings name.

    Nothing where no reporter is named: then somebody else submits.

    Raises:
        SourceError: a price is unusable, and the reporters have no newer round.
    """
    peers = desk.settings.oracle.peers
    numbers = sorted(set(markets))
    feeds = desk.margin.needs_price(numbers) if peers and numbers else ()
    if not feeds:
        return []
    from peersettle.oracle.pull import fetch_rounds

    try:
        rounds = asyncio.run(fetch_rounds(desk.margin.oracle, feeds, peers))
    except SourceError:
        if all(desk.margin.risk.spot(number) for number in numbers):
            return []  # the prices are good enough; they only wait for a confirmation
        raise
    return [desk.margin.oracle.update(made) for made in rounds]


def deposit(desk: Desk, signer: Signer, account: Account, amount: str) -> tuple[Token, int, list[Receipt]]:
    """Bring an amount of a token of the signer's to an account, by allowance, by permit, or by approving first."""
    token, units = desk.tokens.amount(amount, "amount")
    ledger, sender = desk.margin.ledger.address, desk.sender(signer)
    approval: Approval | None = None
    calls: tuple[Call, ...] = ()
    contract = desk.token(token.address)
    if contract.allowance(signer.address, desk.settlement.address) < units:
        approval = _permit(desk, signer, token, units)
        if approval is None:
            calls = contract.approvals_needed(signer.address, desk.settlement.address, units)
    call = desk.settlement.deposit(ledger, account, token.address, units, approval)
    return token, units, [sender.send(item) for item in (*calls, call)]


def withdraw(
    desk: Desk, signer: Signer, account: Account, amount: str, receiver: Address | None
) -> tuple[Token, Carried]:
    """Take an amount out of an account, behind what must be refreshed so that it can be judged."""
    from peersettle.bindings import Plan

    token, units = desk.tokens.amount(amount, "amount")
    call = desk.margin.ledger.withdraw(account, token.address, units, receiver)
    head = desk.margin.ledger.head(account)
    books = {number: desk.margin.ledger.book(account, number) for number in head.markets}
    if head.cash >= 0 and not any(book.positions for book in books.values()):
        return token, send(desk, signer, Plan((call,)))  # without positions and debts no price is asked for
    return token, send_judged(desk, signer, call, [account])


def settle_expired(desk: Desk, signer: Signer, accounts: Sequence[Account]) -> Settled:
    """Fix what has expired in these accounts, and settle it.

    `expire` pays whoever sends it, so it goes out by itself, after the fixings and what judging a payer needs. Who
    receives is settled after who pays, so several accounts are gone through twice.
    """
    expired = _expired(desk, accounts)
    fixings, waiting, ready = [], [], []
    for (number, day), names in expired.items():
        if not desk.margin.risk.fixing(number, day):
            call = desk.margin.ledger.fix(number, day)
            try:
                desk.chain.simulate(call, signer.address)
            except Reverted as error:
                waiting.append(f"{', '.join(names)} has no fixing yet: {error.message}")
                continue
            fixings.append(call)
        ready += names
    if not ready:
        return Settled(None, (), tuple(waiting))
    twice = [*accounts, *accounts] if 1 < len(accounts) <= _MOST_EXPIRING // 2 else accounts
    updates = price_updates(
        desk, {number for account in accounts for number in desk.margin.ledger.head(account).markets}
    )
    call = desk.margin.ledger.expire(twice)
    plan = desk.margin.plan(call, signer.address, accounts, anybodys=False, updates=updates, fixings=fixings)
    carried = send(desk, signer, plan)
    left = {name for names in _expired(desk, accounts).values() for name in names}
    waiting += [f"{name} is not settled yet: it waits for who pays, or for cash" for name in ready if name in left]
    return Settled(carried, tuple(name for name in ready if name not in left), tuple(waiting))


def _expired(desk: Desk, accounts: Iterable[Account]) -> dict[tuple[int, int], list[str]]:
    """The names of what has expired in these accounts, by market and day."""
    margin, now = desk.margin, desk.chain.block().timestamp
    found: dict[tuple[int, int], list[str]] = {}
    for account in accounts:
        for number in margin.ledger.head(account).markets:
            for series, _ in margin.ledger.book(account, number).positions:
                if expiry(series >> 22) <= now:
                    names = found.setdefault((number, series >> 22), [])
                    name = margin.markets[number].instrument(series).name
                    if name not in names:
                        names.append(name)
    return found


def send_judged(desk: Desk, signer: Signer, call: Call, accounts: Sequence[Account]) -> Carried:
    """Send a call of the signer's behind what judging these accounts needs: prices, epochs, arrays.

    Raises:
        SourceError: a price is unusable, and the reporters have no newer round.
    """
    updates = price_updates(desk, {number for item in accounts for number in desk.margin.ledger.head(item).markets})
    return send(desk, signer, desk.margin.plan(call, signer.address, accounts, anybodys=False, updates=updates))


def send(desk: Desk, signer: Signer, plan: Plan) -> Carried:
    """Send what a plan has, each once the one before is included."""
    sender = desk.sender(signer)
    return Carried(plan, tuple(sender.send(call) for call in plan.calls))


def money(wad: int, places: int = 2) -> str:
    """Settlement currency for people: rounded half up to so many places, with thousands apart."""
    return f"{_rounded(wad, places):,.{places}f}"


def exact(wad: int) -> str:
    """A wad as plain decimal text, for scripts."""
    return f"-{from_units(-wad, 18)}" if wad < 0 else from_units(wad, 18)


def _rounded(wad: int, places: int) -> float:
    return round(wad / 10**18, places) + 0.0


def _permit(desk: Desk, signer: Signer, token: Token, units: int) -> Approval | None:
    """A permit for exactly these units; None where the token has none, or the owner is a contract."""
    contract = desk.token(token.address)
    nonce, domain = contract.permit_nonce(signer.address), contract.domain()
    if nonce is None or domain is None or desk.chain.code(signer.address):
        return None
    deadline = desk.chain.now() + PERMIT_LIFE
    message = permit_typed_data(domain, signer.address, desk.settlement.address, units, nonce, deadline)
    signature = Signature.from_bytes(signer.sign_typed_data(message))
    return Approval(0, ApprovalMethod.ERC2612, units, 0, deadline, signature)
