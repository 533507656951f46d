"""Sources as the settings describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peersettle.config import (
    AggregatorSource,
    CrossSource,
    HttpSource,
    PoolSource,
    PresetSource,
    ReplaySource,
    SourceSettings,
)
from peersettle.errors import ConfigError
from peersettle.oracle.sources.base import Adjustment, Source
from peersettle.oracle.sources.cross import CrossRate
from peersettle.oracle.sources.http import HttpTicker
from peersettle.oracle.sources.onchain import AggregatorFeed, Caller, TwapPool
from peersettle.oracle.sources.patience import PatientSource
from peersettle.oracle.sources.presets import preset
from peersettle.oracle.sources.replay import CsvReplay
from peersettle.service.backoff import Backoff
from peersettle.service.clock import Clock
from peersettle.types import Address

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True)
class Surroundings:
    """What sources need of the world. `chain` opens the chain, and is called only where a source needs it."""

    session: aiohttp.ClientSession
    clock: Clock
    random: Callable[[], float]
    chain: Callable[[], Caller]
    timeout: float = 5.0


def build_sources(settings: tuple[SourceSettings, ...], world: Surroundings) -> list[Source]:
    """The sources of one feed; those that reach over a network are left alone for a while after a failure.

    Raises:
        ConfigError: an unknown preset, a file that cannot be read, or two sources of one name.
    """
    names = list(_names(settings))
    if len(set(names)) != len(names):
        raise ConfigError(f"two sources of a feed have one name, in {', '.join(names)}; give each its own `name`")
    built = [_build(item, name, world) for item, name in zip(settings, names, strict=True)]
    return [
        source if isinstance(source, CsvReplay) else PatientSource(source, Backoff(world.clock, world.random))
        for source in built
    ]


def uses_chain(settings: SourceSettings) -> bool:
    """Whether a source reads a contract."""
    if isinstance(settings, CrossSource):
        return uses_chain(settings.first) or uses_chain(settings.second)
    return isinstance(settings, AggregatorSource | PoolSource)


def _names(settings: tuple[SourceSettings, ...]) -> Iterator[str]:
    for item in settings:
        if item.name is not None:
            yield item.name
        elif isinstance(item, PresetSource):
            yield f"{item.preset}:{item.base}-{item.quote}"
        else:
            yield f"{item.source_class}:{item.kind}"


def _build(item: SourceSettings, name: str, world: Surroundings) -> Source:
    if isinstance(item, CrossSource):
        first, second = (_build(part, f"{name}/{place}", world) for place, part in ((1, item.first), (2, item.second)))
        return CrossRate(name, item.source_class, first, second, max_age=item.max_age)
    adjustment = Adjustment(item.invert, item.multiply)
    if isinstance(item, PresetSource | HttpSource):
        return _ticker(item, name, adjustment, world)
    if isinstance(item, ReplaySource):
        return CsvReplay(
            name,
            item.path,
            column=item.column,
            time_column=item.time_column,
            source_class=item.source_class,
            adjustment=adjustment,
            max_age=item.max_age,
        )
    if isinstance(item, AggregatorSource):
        return AggregatorFeed(
            name,
            Address(item.address),
            chain=world.chain(),
            source_class=item.source_class,
            adjustment=adjustment,
            max_age=item.max_age,
        )
    return TwapPool(
        name,
        Address(item.address),
        chain=world.chain(),
        decimals0=item.decimals0,
        decimals1=item.decimals1,
        window=item.window,
        source_class=item.source_class,
        adjustment=adjustment,
        max_age=item.max_age,
    )


def _ticker(item: PresetSource | HttpSource, name: str, adjustment: Adjustment, world: Surroundings) -> HttpTicker:
    if isinstance(item, HttpSource):
        source_class, url, path = item.source_class, item.url, item.path
        time_path, time_unit = item.time_path, item.time_unit
    else:
        known = preset(item.preset)
        source_class, url, path = item.preset, known.url(item.base, item.quote, item.url), known.path
        time_path, time_unit = known.time_path, known.time_unit
    return HttpTicker(
        name,
        source_class,
        url,
        path,
        session=world.session,
        clock=world.clock,
        time_path=time_path,
        time_unit=time_unit,
        adjustment=adjustment,
        max_age=item.max_age,
        timeout=world.timeout,
    )
