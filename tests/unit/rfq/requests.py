"""Requests, offers and signatures to negotiate with."""

from dataclasses import replace

from peersettle.rfq import Alternative, Asset, Item, Offered, Request, document_of
from peersettle.signing import KeySigner, sign_message
from peersettle.trades import Domain, LegKind, Quote
from peersettle.types import Address

TAKER = KeySigner((11).to_bytes(32, "big"))
MAKER = KeySigner((22).to_bytes(32, "big"))
OTHER = KeySigner((33).to_bytes(32, "big"))
DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
ETH = Asset(LegKind.ERC20, Address("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"))
USDC = Asset(LegKind.ERC20, Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"))
LEDGER = Address("0x610178dA211FEF7D417bC0e6FeD39F05609AD788")
OPTION = Asset(LegKind.POSITION, LEDGER, 700 << 22 | 3_000 << 2)
CASH = Asset(LegKind.POSITION, LEDGER, 2**128 - 1)
NOW = 1_780_000_000


def request(number=0, **changes) -> Request:
    """Ten ETH for USDC, to be answered within half a minute."""
    fields = {
        "request_id": f"{number:032x}",
        "domain": DOMAIN,
        "taker": TAKER.address,
        "items": (Item(ETH, 10 * 10**18, to_taker=True),),
        "currency": USDC,
        "expires_at": NOW + 30,
    }
    return Request(**{**fields, **changes})


def alternative(asked: Request, price=20_000 * 10**6, maker=MAKER, **changes) -> Alternative:
    """An alternative that the maker has signed."""
    fields = {"price": price, "nonce": 7 << 8, "deadline": NOW + 120, **changes}
    bare = Alternative(**fields)
    return replace(bare, signature=signature(maker, document_of(asked, maker.address, bare)))


def signature(signer: KeySigner, document) -> bytes:
    """Of whoever it is."""
    message = document.swap if isinstance(document, Quote) else document.trade
    return sign_message(signer, document.domain, message)


def offered(asked: Request, at=NOW + 1, maker=MAKER, parts=(10_000,), price=20_000 * 10**6, **changes) -> Offered:
    """What a strategy offers: signed, unless there is a last look."""
    alternatives = tuple(
        alternative(asked, price=price * part // 10_000, maker=maker, part=part, **changes) for part in parts
    )
    if asked.last_look:
        alternatives = tuple(replace(item, signature=b"") for item in alternatives)
    return Offered(maker.address, alternatives, NOW + 60, float(at))
