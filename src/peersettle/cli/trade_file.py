"""Trades written by hand: a TOML or JSON file of legs becomes a Trade.

expires = "1h"                      # or deadline = 1790000000
parties = ["0x…"]                   # only those without a leg need naming
submitter = "0x…"                   # else anybody may send it

[[legs]]
from = "0x…"
to = "0x…"
give = "100 USDC"                   # ERC-20; "0.5 ETH" is the sender's own native leg

[[legs]]
from = "0x…"
to = "0x…"
give = "10 ETH-26JUN26-3000-C"      # inside the margin ledger, as "450 cash" and "2 ETH collateral"
from_sub = 0                        # sub-accounts, zero where they are not given
to_sub = 1

[[legs]]
from = "0x…"
to = "0x…"
kind = "erc721"                     # erc20, erc20_exact, erc721, erc1155, native, position
token = "0x…"
id = 7
amount = 1                          # smallest units
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from peersettle.bindings.amounts import TokenBook
from peersettle.bindings.positions import is_position
from peersettle.config import parse_duration
from peersettle.errors import InvalidDocument, InvalidField
from peersettle.trades import Leg, LegKind, Trade
from peersettle.types import ZERO_ADDRESS, ZERO_HASH, Address, address, hash32, to_units

_FIELDS: Final = frozenset(
    {"expires", "deadline", "valid_after", "parties", "submitter", "legs", "terms", "nonce_word"} | {"nonce_mask"}
)
_LEG_FIELDS: Final = frozenset({"from", "to", "give", "kind", "token", "id", "amount", "from_sub", "to_sub"})


def read_trade(path: Path, book: TokenBook, now: int, life: int, nonce: tuple[int, int]) -> Trade:
    """The trade that a file describes. `life` (seconds) and `nonce` (word, mask) hold where it is silent.

    Raises:
        InvalidDocument: the file cannot be read, or has a field that is unknown, missing or of no use.
        InvalidField: a value does not fit.
    """
    data = _read(path)
    _only(data, _FIELDS, "the trade file")
    entries = data.get("legs", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidDocument("legs: give a list of legs, in TOML [[legs]]")
    legs = tuple(_leg(entry, index, book) for index, entry in enumerate(entries))
    parties = {address(party, "parties") for party in data.get("parties", [])}
    parties |= {party for leg in legs for party in (leg.giver, leg.receiver)}
    if "expires" in data:
        life = parse_duration(str(data["expires"]), "expires")
    return Trade(
        parties=tuple(parties),
        legs=legs,
        nonce_word=data.get("nonce_word", nonce[0]),
        nonce_mask=data.get("nonce_mask", nonce[1]),
        valid_after=data.get("valid_after", 0),
        deadline=data.get("deadline", now + life),
        submitter=address(data.get("submitter", ZERO_ADDRESS), "submitter"),
        terms=hash32(data["terms"], "terms") if "terms" in data else ZERO_HASH,
    )


def _leg(entry: dict[str, Any], index: int, book: TokenBook) -> Leg:
    where = f"leg {index}"
    _only(entry, _LEG_FIELDS, where)
    giver, receiver = (_address(entry, side, where) for side in ("from", "to"))
    if "give" in entry:
        if unused := set(entry) & {"token", "id", "amount"}:
            raise InvalidDocument(f"{where}: `give` says it all; drop {', '.join(sorted(unused))}")
        return _given(entry, giver, receiver, where, book)
    kind = _kind(entry.get("kind"), where)
    token = ZERO_ADDRESS if kind is LegKind.NATIVE else _address(entry, "token", where)
    if "amount" not in entry and kind is not LegKind.ERC721:
        raise InvalidDocument(f"{where} lacks amount (smallest units), or give")
    return Leg(giver, receiver, kind, token, _whole(entry.get("id", 0)), _whole(entry.get("amount", 1)))


def _given(entry: dict[str, Any], giver: Address, receiver: Address, where: str, book: TokenBook) -> Leg:
    text = str(entry["give"])
    if is_position(text):
        if book.positions is None:
            raise InvalidDocument(f"{where}: {text} is inside a margin ledger, and none is on record here")
        subs = (_whole(entry.get("from_sub", 0)), _whole(entry.get("to_sub", 0)))
        return book.positions.leg(giver, receiver, text, f"{where} give", sub_accounts=subs)
    kind = _kind(entry.get("kind", "native" if text.upper().endswith(" ETH") else "erc20"), where)
    if kind is LegKind.NATIVE:
        return Leg(giver, receiver, kind, ZERO_ADDRESS, 0, to_units(text.split()[0], 18, f"{where} give"))
    if kind > LegKind.ERC20_EXACT:
        raise InvalidDocument(f"{where}: `give` is for ERC-20, native and named legs; give token, id and amount")
    token, amount = book.amount(text, f"{where} give")
    return Leg(giver, receiver, kind, token.address, 0, amount)


def _kind(value: object, where: str) -> LegKind:
    kinds = {kind.name.lower(): kind for kind in LegKind}
    if value is None:
        raise InvalidDocument(f"{where} lacks kind, or give")
    if str(value).lower() not in kinds:
        raise InvalidField(f"{where} kind", value, f"one of {', '.join(kinds)}")
    return kinds[str(value).lower()]


def _address(entry: dict[str, Any], name: str, where: str) -> Address:
    if name not in entry:
        raise InvalidDocument(f"{where} lacks {name}")
    return address(entry[name], f"{where} {name}")


def _whole(value: object) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _only(data: dict[str, Any], names: frozenset[str], where: str) -> None:
    if unknown := set(data) - names:
        raise InvalidDocument(f"{where} has unknown {', '.join(sorted(unknown))}; it takes {', '.join(sorted(names))}")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InvalidDocument(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # both decoders' errors, and undecodable text
        raise InvalidDocument(f"{path} cannot be understood: {error}") from None
    if not isinstance(data, dict):
        raise InvalidDocument(f"{path}: give an object")
    return data
