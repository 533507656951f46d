"""A strategy that sells calls on what it holds as collateral, and nothing else.

[making]
strategy = "examples/strategies/covered_calls.py:CoveredCalls"
options = { vol_points = 2 }
"""

from peersettle.making import Ages, Answer, Book, Inquiry, No, Price, Quotation, to_price, value
from peersettle.rfq import Asset
from peersettle.risk.instruments import Kind, Market
from peersettle.trades import LegKind

AGES = Ages(spot=30, surface=900)  # seconds


class CoveredCalls:
    """Calls at the surface's volatility and some points more, as long as every one is covered."""

    def __init__(self, vol_points: float = 2.0, life: int = 20) -> None:
        self.vol_points = vol_points
        self.life = life

    def quote(self, inquiry: Inquiry, book: Book) -> Answer:
        valuation = value(inquiry.request, book, AGES)
        if isinstance(valuation, No):
            return valuation  # stale, unknown, expired: it says which
        wanted: dict[Market, int] = {}
        for item, worth in valuation.items:
            instrument = worth.instrument
            if instrument is None or instrument.kind is not Kind.CALL or not item.to_taker:
                return No("only_calls", "this maker sells calls and does nothing else")
            wanted[instrument.market] = wanted.get(instrument.market, 0) + item.amount * instrument.market.lot
        for market, quantity in wanted.items():
            free = unwritten(book, market)
            if quantity > free:
                detail = f"{free / 1e18:g} {market.symbol} are free, {quantity / 1e18:g} asked for"  # for our log only
                return No("cover", "this is more than we can cover", detail)
        margin = int(self.vol_points * sum(worth.vega for _, worth in valuation.items))
        price = to_price(valuation, margin=margin)
        return price if isinstance(price, No) else Quotation((price,), self.life, settle_within=120)

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> No | None:
        valuation = value(inquiry.request, book, AGES)
        if isinstance(valuation, No):
            return valuation
        if price.price < valuation.mid(price.part):
            return No("moved", f"it is worth {float(valuation.mid(price.part)):.0f} now")
        return None


def unwritten(book: Book, market: Market) -> int:
    """Collateral (a wad) that no call is written on, if every live offer is accepted."""
    assert book.ledger is not None
    collateral = Asset(LegKind.POSITION, book.ledger, market.collateral_id)
    free = book.holding(collateral).low * 10**9
    for asset, lots in book.inventory.holdings.items():
        instrument = book.instrument(asset.id) if asset.token == book.ledger else None
        if instrument is not None and instrument.market == market and instrument.kind is Kind.CALL:
            free += min(lots.low, 0) * market.lot
    return free
