"""What the examples are about: one price feed, one surface, and whole numbers to write them with."""

from peersettle.reports import Feed, SurfaceSlice
from peersettle.types import Hash32

WAD = 10**18
DAY = 86400
FEED = Feed("ETH/USD", slot=15, max_age=120, jump_rate=2_000, jump_cap=100_000)
ETH = FEED.id
PRICE = 2_000 * WAD
WITHIN = PRICE + PRICE // 200  # half a percent: the bound after 15 s is 0.77 %
UP, FARTHER_UP = PRICE + PRICE // 10, PRICE + PRICE // 5
DOWN = PRICE - PRICE // 10
SURFACE: Hash32 = Feed("ETH/SVI", slot=15, max_age=120, jump_rate=10_000, jump_cap=200_000).id


def smile(expiry: int, percent: int = 100, **changes: int) -> SurfaceSlice:
    """A sound slice of about 6 % total variance at 100."""
    fields = {"a": 300_000 * percent, "b": 300_000 * percent, "rho": -200_000_000, "m": 10_000_000, "sigma": 10**9}
    return SurfaceSlice(expiry, **{**fields, "forward_ratio": 1_001_000_000, **changes})
