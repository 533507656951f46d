"""The Auction and the Backstop are deployed once for all tests; each plays on them and leaves no trace."""

from tests.contracts.margin.conftest import bidder, sale, sale_stage

__all__ = ["bidder", "sale", "sale_stage"]
