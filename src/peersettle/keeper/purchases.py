"""What a transaction of ours bought, read off its receipt."""

from __future__ import annotations

from typing import Any, Final

from peersettle.bindings.auction import Auction
from peersettle.chain.artifacts import artifact, decode
from peersettle.chain.calls import Receipt
from peersettle.keeper.appraisal import moves
from peersettle.keeper.view import from_wad
from peersettle.risk.instruments import SERIES_BITS
from peersettle.risk.margin import COLLATERAL_UNIT, MarginAccount
from peersettle.types import WAD, Account

_SERIES: Final = (1 << SERIES_BITS) - 1


def bought_in(receipt: Receipt, auction: Auction, owner: int) -> list[dict[str, Any]]:
    """The sales to an owner's accounts, without what they held."""
    events = artifact("Auction").events
    found = []
    for log in receipt.logs:
        if log.address != auction.address or len(log.topics) != 3:
            continue
        account, bidder = (int.from_bytes(topic, "big") for topic in log.topics[1:])
        if bidder >> 96 != owner:
            continue
        if log.topics[0] == events["Sold"]:
            fraction, price, fee, *_ = decode(["uint256", "int256", "uint256", "int256", "uint256"], log.data)
        elif log.topics[0] == events["TakenOver"]:
            fraction, (price, fee) = WAD, decode(["int256", "uint256"], log.data)
        else:
            continue
        found.append(
            {
                "tx_hash": receipt.tx_hash,
                "block": receipt.block_number,
                "kind": "bid" if log.topics[0] == events["Sold"] else "take_over",
                "account": str(Account.from_id(account)),
                "bidder": str(Account.from_id(bidder)),
                "fraction": str(fraction),
                "price": from_wad(price),
                "fee": from_wad(fee),
            }
        )
    return found


def holdings(margin: MarginAccount) -> dict[str, int]:
    """Lots by `market:series`; series zero is collateral in 1e-9 of a unit."""
    found = {}
    for market, book in margin.books.items():
        if book.collateral >= COLLATERAL_UNIT:
            found[f"{market}:0"] = book.collateral // COLLATERAL_UNIT
        found |= {f"{market}:{series}": lots for series, lots in book.positions}
    return found


def part(margin: MarginAccount, fraction: int, now: int) -> list[dict[str, int]]:
    """What a fraction (wad) of an account is, or all of it, as it is told."""
    if fraction == WAD:
        found = holdings(margin)
    else:
        found = {
            f"{item >> SERIES_BITS}:{item & _SERIES}": lots for item, lots in moves(margin, fraction, now)[0].items()
        }
    return [_told(key, lots) for key, lots in sorted(found.items())]


def _told(key: str, lots: int) -> dict[str, int]:
    market, series = key.split(":")
    return {"market": int(market), "series": int(series), "lots": lots}
