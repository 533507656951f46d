"""The table `[oracle]`: which feeds, from which sources, to which peers, and when to submit.

Times are seconds; `deviation` and everything `_ppm` are millionths. How a source is read is said in
docs/how-to/run-a-reporter.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from peersettle.config.fields import CheckedAddress, Section, UserPath, state_directory
from peersettle.errors import InvalidField
from peersettle.reports.feed import Feed

TimeUnit = Literal["s", "ms", "us", "ns", "iso"]


def _http(value: str) -> str:
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
        raise ValueError("give an http:// or https:// URL")
    return value


HttpUrl = Annotated[str, AfterValidator(_http)]
ClassName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]


class _AnySource(Section):
    """What every source may say: its name in logs and metrics, and how old its value may be."""

    name: str | None = Field(default=None, pattern=r"^[!-~]{1,48}$")
    max_age: int = Field(default=60, gt=0)


class _ValueOptions(_AnySource):
    invert: bool = False
    multiply: Decimal = Field(default=Decimal(1), gt=0, allow_inf_nan=False)


class PresetSource(_ValueOptions):
    """A venue that we know the ticker of."""

    kind: Literal["preset"]
    preset: str
    base: str = Field(pattern=r"^[A-Za-z0-9]{1,12}$")
    quote: str = Field(pattern=r"^[A-Za-z0-9]{1,12}$")
    url: HttpUrl | None = None
    """In place of the venue's own `https://host`, as for a mirror."""


class HttpSource(_ValueOptions):
    """Any JSON document with a price in it. Paths are keys and list indices joined by dots; `*` is the only member."""

    kind: Literal["http"]
    source_class: ClassName = Field(alias="class")
    url: HttpUrl
    path: str = Field(min_length=1)
    time_path: str | None = None
    time_unit: TimeUnit = "s"


class AggregatorSource(_ValueOptions):
    """A contract with AggregatorV3Interface."""

    kind: Literal["aggregator"]
    source_class: ClassName = Field(default="aggregator", alias="class")
    address: CheckedAddress
    max_age: int = Field(default=3_900, gt=0)


class PoolSource(_ValueOptions):
    """A pool with Uniswap v3's `observe`: the geometric mean over `window` seconds, of token1 for one token0."""

    kind: Literal["pool"]
    source_class: ClassName = Field(default="amm", alias="class")
    address: CheckedAddress
    window: int = Field(default=1_800, ge=60, le=86_400)
    decimals0: int = Field(ge=0, le=36)
    decimals1: int = Field(ge=0, le=36)


class ReplaySource(_ValueOptions):
    """A CSV file of past prices, plain or gzipped."""

    kind: Literal["replay"]
    source_class: ClassName = Field(default="replay", alias="class")
    path: UserPath
    column: str = "close"
    time_column: str | None = None
    max_age: int = Field(default=86_400, gt=0)


class CrossSource(_AnySource):
    """The product of two sources, such as ETH/USDT and USDT/USD. Its class must be said; its age is the older one's."""

    kind: Literal["cross"]
    source_class: ClassName = Field(alias="class")
    first: SourceSettings
    second: SourceSettings


SourceSettings = Annotated[
    PresetSource | HttpSource | AggregatorSource | PoolSource | ReplaySource | CrossSource,
    Field(discriminator="kind"),
]


class FeedRules(Section):
    """The rules that are a feed's id."""

    name: str
    slot: int = 15
    max_age: int = 120
    jump_rate: int = 2_000
    jump_cap: int = 100_000

    @model_validator(mode="after")
    def _is_a_feed(self) -> Self:
        try:
            _ = self.feed
        except InvalidField as error:
            raise ValueError(error.message) from None
        return self

    @property
    def feed(self) -> Feed:
        """The feed that reports name."""
        return Feed(self.name, self.slot, self.max_age, self.jump_rate, self.jump_cap)


class FeedSettings(FeedRules):
    """One feed: the rules that are its id, when a round of it is submitted, and its sources."""

    heartbeat: int = Field(default=60, gt=0)
    deviation: int = Field(default=2_000, gt=0)
    sources: tuple[SourceSettings, ...] = ()


class SurfaceSettings(FeedRules):
    """One volatility surface: the rules that are its feed's id, and the file of `peersettle oracle fit --out`."""

    slot: int = 300
    max_age: int = 900
    jump_cap: int = 200_000
    path: UserPath


class OracleSettings(Section):
    """What `peersettle oracle report` and `submit` do. Without `contract`, the record of the deployment names it."""

    contract: CheckedAddress | None = None
    contract_block: int = Field(default=0, ge=0)
    """The block from which on the contract's events are searched; best the one of its deployment."""
    listen: str = "127.0.0.1:9480"
    state: UserPath = Field(default_factory=lambda: state_directory() / "oracle")
    peers: tuple[HttpUrl, ...] = ()
    feeds: tuple[FeedSettings, ...] = ()
    surfaces: tuple[SurfaceSettings, ...] = ()
    min_classes: int = Field(default=3, ge=3)
    observe_timeout: float = Field(default=5.0, gt=0)
    peer_timeout: float = Field(default=3.0, gt=0)
    keep_slots: int = Field(default=20, ge=3, le=1_000)
    mad_factor: float = Field(default=5.0, ge=1)
    mad_floor_ppm: int = Field(default=5_000, gt=0)
    max_disagreement_ppm: int = Field(default=100_000, gt=0)
    surface_tolerance_ppm: int = Field(default=20_000, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError("listen: give HOST:PORT, as 127.0.0.1:9480")
        ids = [item.feed.id for item in (*self.feeds, *self.surfaces)]
        if len(set(ids)) != len(ids):
            raise ValueError("feeds and surfaces: the same feed is there twice")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Where the reporter listens."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    def urls(self) -> list[str]:
        """Every URL of the section, for whoever must keep what is secret in them."""
        found: list[str] = []

        def walk(value: Any) -> None:
            if isinstance(value, Section):
                for name in type(value).model_fields:
                    walk(getattr(value, name))
            elif isinstance(value, tuple):
                for item in value:
                    walk(item)
            elif isinstance(value, str) and "://" in value:
                found.append(value)

        walk(self)
        return found
