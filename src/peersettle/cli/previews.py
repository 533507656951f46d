"""A trade that is only thought of, and what it would do to an account."""

from __future__ import annotations

from peersettle.bindings.positions import is_position
from peersettle.cli.desk import Desk
from peersettle.cli.margins import price_updates
from peersettle.errors import InputError, InvalidField, NotDeployed
from peersettle.risk.instruments import CASH_ID, SERIES_BITS
from peersettle.risk.margin import Preview, preview
from peersettle.types import Account


def moves_of(desk: Desk, give: str | None, get: str | None) -> dict[int, int]:
    """What an account gives and gets, by ids as moves have them; several amounts are separated by commas.

    Raises:
        InputError: nothing is given or got. InvalidField: something that is not inside a ledger.
    """
    book = desk.tokens.positions
    if book is None:
        raise NotDeployed(
            f"chain {desk.chain.chain_id} has no margin accounts on record; run `peersettle margin deploy`"
        )
    moves: dict[int, int] = {}
    for sign, field, text in ((-1, "give", give), (1, "get", get)):
        for item in (text or "").split(","):
            if not item.strip():
                continue
            if not is_position(item):
                rule = 'name what moves inside the ledger, as "10 ETH-26JUN26-3000-C", "450 cash" or "2 ETH collateral"'
                raise InvalidField(field, item.strip(), rule)
            move, amount = book.amount(item, field)
            moves[move] = moves.get(move, 0) + sign * amount
    if not moves:
        raise InputError("a preview needs --give, --get, or both")
    return moves


def preview_trade(desk: Desk, account: Account, moves: dict[int, int]) -> Preview:
    """The account before and after, with the arrays that the trade's series would have.

    Raises:
        InvalidField: what no account can hold, or a series that has expired.
    """
    markets = {*desk.margin.ledger.head(account).markets, *(move >> SERIES_BITS for move in moves if move != CASH_ID)}
    updates = price_updates(desk, markets)
    statement = desk.margin.statement(account, trading=moves, updates=updates)
    return preview(statement.margin, statement.snapshots, moves)
