"""The table `[keeper]`: what a keeper may hold, when it bids, and how it hears of blocks.

Amounts are settlement currency, `_percent` percent, times seconds, gas prices gwei.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from peersettle.config.fields import Section, UserPath, state_directory

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class KeeperSettings(Section):
    """What `peersettle keeper run` does. Without limits of its own it buys nothing: `max_inventory` is zero."""

    url: str | None = None
    """Its own node, http(s)://, ws(s):// or an IPC path; else `chain.url`. By websocket it hears of each block."""
    sub_accounts: tuple[Annotated[int, Field(ge=0, lt=2**95)], ...] = (0,)
    """Our accounts that it may fill. Those without positions serve for whole takeovers."""
    max_inventory: Amount = Decimal(0)
    """Initial margin requirement of these accounts together, at most."""
    margin_buffer_percent: Amount = Decimal(10)
    """More than initial margin that an account of ours keeps after a purchase."""
    min_edge: Amount = Decimal(20)
    """What a purchase must leave after gas and hedge."""
    hedge_cost_percent: Amount = Decimal(5)
    """Of the maintenance requirement bought: what it costs to be rid of it."""
    upkeep: Amount = Decimal(10)
    """What a call that pays us nothing may cost: fixings, beginning and ending auctions, the backstop's part."""
    max_gas_price: Annotated[Decimal, Field(gt=0)] | None = None
    native_price: Annotated[Decimal, Field(gt=0)] | str = "ETH"
    """Of one native asset: an amount, or the symbol of the market whose price it has."""
    hedge: tuple[str, ...] = ()
    """A command that is told on stdin (JSON) what was bought."""
    hedge_timeout: float = Field(default=30.0, gt=0)
    poll: float = Field(default=2.0, gt=0)
    sweep: int = Field(default=500, ge=0)
    """So many accounts are read again at each look, whether or not anything was heard of them."""
    tolerance_percent: Amount = Decimal(1)
    """How far above maintenance an account is looked at closely."""
    closely: int = Field(default=32, ge=1, le=256)
    """So many accounts are looked at closely at once."""
    max_log_range: int = Field(default=5_000, ge=1)
    """Blocks that the node is asked for events of at once."""
    listen: str = "127.0.0.1:9481"
    state: UserPath = Field(default_factory=lambda: state_directory() / "keeper")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError("listen: give HOST:PORT, as 127.0.0.1:9481")
        if not self.sub_accounts or len(set(self.sub_accounts)) != len(self.sub_accounts):
            raise ValueError("sub_accounts: give at least one, each once")
        if self.url and "://" in self.url and urlsplit(self.url).scheme not in ("http", "https", "ws", "wss", "ipc"):
            raise ValueError("url: give an http://, https://, ws:// or wss:// URL, or the path of an IPC socket")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Where metrics are served."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
