"""Books, prices, surfaces and the course of time for Risk, drawn by hypothesis."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from tests.contracts.differential.risk_world import MARKETS, World
from tests.contracts.margin.stage import DAY, FORWARD, WAD, YEAR, series

from peersettle.spec.risk import Book
from peersettle.spec.snapshots import WINDOW, expiry_of

PRICES: Final = (3_000 * WAD, 60_000 * WAD, WAD // 50, WAD // 10**5)
"""Where each market's spot begins."""
AHEAD: Final = (0, 1, 6, 40)
"""Days of live series after the nearest expiry."""
BEHIND: Final = (-1, -2)
STRIKES: Final = (500, 940, 1_000, 1_060, 2_500)
"""Thousandths of the first price."""
MOST_LOTS: Final = 2**27 - 1
MOST_UNITS: Final = 2**40
"""Of collateral, in lots."""

Draw = Any


def strike(market: int, thousandths: int) -> int:
    """In ticks."""
    return max(1, PRICES[market] * thousandths // 1_000 // MARKETS[market][1])


def pool(market: int, near: int, days: tuple[int, ...] = AHEAD) -> list[int]:
    """Series around spot of the nearest expiry and others."""
    return [
        series(near + day, strike(market, thousandths), kind)
        for day in days
        for thousandths in STRIKES
        for kind in range(3)
    ]


def smile(volatility: float, years: float, forward_ratio: int = 1_002 * 10**6) -> tuple[int, ...]:
    """SVI parameters of a smile with this volatility at the money."""
    variance = volatility**2 * years
    b = variance**0.5 / 5
    return (*(round(x * 10**9) for x in (variance - 0.3 * b, b, -0.1, 0, 0.3)), forward_ratio)


def sizes(most: int) -> st.SearchStrategy[int]:
    """Positive numbers of every size."""
    return st.integers(0, most.bit_length() - 1).flatmap(
        lambda bits: st.integers(1 << bits, min(most, (2 << bits) - 1))
    )


@st.composite
def books(draw: Draw, market: int, near: int) -> Book:
    """Positions that lie on few strikes, so that they offset one another; and some of the largest there can be."""
    most = draw(st.sampled_from((3, 100, 10**5, MOST_LOTS)))
    days = draw(st.lists(st.sampled_from(BEHIND + AHEAD), unique=True, max_size=5))
    held: dict[int, int] = {}
    for day in days:
        for thousandths in draw(st.lists(st.sampled_from(STRIKES), unique=True, min_size=1, max_size=4)):
            for kind in draw(st.lists(st.integers(0, 2), unique=True, min_size=1)):
                lots = draw(st.sampled_from((1, -1))) * draw(st.one_of(st.just(most), sizes(most)))
                held[series(near + day, strike(market, thousandths), kind)] = lots
    lot = MARKETS[market][0]
    units = draw(st.one_of(st.just(0), sizes(most * 4), sizes(MOST_UNITS - 1)))
    dust = draw(st.integers(0, lot - 1))
    stored = st.one_of(st.just(0), sizes(2**56 - 1))
    collateral = min(units * lot + dust, 2**94 - 1)
    return Book(collateral, draw(stored), draw(stored), tuple(sorted(held.items(), reverse=True)[:32]))


@st.composite
def prices(draw: Draw, world: World, market: int) -> tuple[int, int, int]:
    """A value, a candidate and an age: in the band, at its edge or beyond; young, old, or too old for a day."""
    snapshot = world.spec.markets.get(market)
    reference = snapshot.reference if snapshot else PRICES[market]
    band = reference * snapshot.parameters.band >> 16 if snapshot else 0
    spot_age = snapshot.parameters.spot_age if snapshot else 120
    where = draw(st.integers(0, 7))
    if where == 0:
        moved = reference + draw(st.integers(-reference // 2, reference))
    elif where == 1:
        moved = reference + draw(st.sampled_from((-band - 1, -band, band, band + 1)))
    else:
        moved = reference + draw(st.integers(-band, band))
    near = st.integers(reference * 7 // 10, reference * 13 // 10)
    candidate = draw(st.one_of(st.just(0), near, near, sizes(2**87 - 1)))
    age = draw(st.sampled_from((0, 0, 0, 0, 0, 1, spot_age, spot_age + 1, spot_age + DAY, spot_age + DAY + 1)))
    return max(moved, 1), candidate, age


@st.composite
def surfaces(draw: Draw, years: float) -> tuple[int, ...]:
    """What an Oracle would hold, or whatever its fields can hold."""
    ratio = draw(st.one_of(st.integers(98 * 10**7, 102 * 10**7), sizes(2**36 - 1)))
    if draw(st.booleans()):
        return smile(draw(st.sampled_from((0.05, 0.3, 0.8, 2.5))), years, ratio)
    nano = 10**9
    return (
        draw(st.one_of(sizes(16 * nano), st.integers(-nano, 0))),
        draw(st.one_of(st.just(0), sizes(2 * nano))),
        draw(st.integers(1 - nano, nano - 1)),
        draw(st.integers(-2 * nano, 2 * nano)),
        draw(sizes(4 * nano)),
        ratio,
    )


# What happens between two calls


def waiting(draw: Draw, world: World, market: int, near: int) -> None:
    """A moment, an epoch, up to the window, into it, to the expiry and beyond."""
    left = expiry_of(near) - world.now
    moments = [
        1,
        59,
        60,
        61,
        1_799,
        1_800,
        3_600,
        *(left + x for x in (-DAY, -WINDOW, -WINDOW + 1, -30, -1, 0, DAY - 1, DAY)),
    ]
    world.now += draw(st.sampled_from([one for one in moments if one > 0]))
    if draw(st.integers(0, 3)):
        repeating(draw, world, market, near)


def repeating(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001 - all have the same form
    """The price goes on to be what it was."""
    if market in world.spec.markets:
        world.price(market, world.reference(market))


def pricing(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    world.price(market, *draw(prices(world, market)))


def jumping(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    """A candidate beside a price that is good."""
    if market in world.spec.markets:
        snapshot = world.spec.markets[market]
        part = draw(
            st.one_of(st.integers(-100, 100), st.integers(-8, 8).map(lambda i: i * 13), st.sampled_from((-300, 500)))
        )
        way = snapshot.reference * snapshot.scan * part // (100 << 16)
        world.price(market, snapshot.reference, max(snapshot.reference + way, 1))


def losing_surfaces(draw: Draw, world: World, market: int, near: int) -> None:
    """Of some expiries."""
    for day in draw(st.lists(st.sampled_from(AHEAD), unique=True, min_size=1)):
        world.no_surface(market, near + day)


def quoting(draw: Draw, world: World, market: int, near: int) -> None:
    """A surface of some expiries, now or some time ago."""
    age = draw(st.sampled_from((0, 0, 0, 1, 3_600, 3_601)))
    for day in draw(st.lists(st.sampled_from(AHEAD), unique=True, min_size=1)):
        left = expiry_of(near + day) - world.now + age
        if left > 0:
            world.surface(market, near + day, draw(surfaces(left / YEAR)), age)


def observing(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    """What spot was since the window began."""
    weight = draw(st.integers(0, 3_600))
    world.observed(market, weight * PRICES[market] * draw(st.integers(50, 200)) // 100, weight)


def fixing(draw: Draw, world: World, market: int, near: int) -> None:
    day = near + draw(st.sampled_from((*BEHIND, *BEHIND, 0)))
    if draw(st.integers(0, 3)):
        world.average(market, day, PRICES[market] * draw(st.sampled_from((10, 900, 1_000, 1_010, 3_000))) // 1_000)
    world.fix(market, day)


def refreshing(draw: Draw, world: World, market: int, near: int) -> None:
    """Some of the series, or only a new epoch."""
    days = draw(st.lists(st.sampled_from(AHEAD), unique=True, max_size=2))
    wanted = pool(market, near, tuple(days))[:: draw(st.integers(1, 7))]
    if draw(st.integers(0, 9)) == 0:
        strange = (series(near, 1, 3), series(near, 0, 0), series(near, 2**20 - 1, 0), series(near - 1, 1, FORWARD))
        wanted.insert(draw(st.integers(0, len(wanted))), draw(st.sampled_from(strange)))
    world.refresh(market, wanted)


def enriching(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    """The backstop, or not."""
    world.capital(draw(st.sampled_from((0, 20 * WAD - 1, 20 * WAD, 10**27))))


def doubting(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    """Somebody in run-off owes what this market's books have gained, or a part of it."""
    world.doubt(market, draw(st.integers(0, 3)) != 0, draw(st.one_of(st.just(0), sizes(10**24), sizes(10**30))))


def tightening(draw: Draw, world: World, market: int, near: int) -> None:  # noqa: ARG001
    changes = {
        "scan": (1_311, 13_107, 20_000, 32_768),
        "band": (66, 1_311, 3_276),
        "basis": (0, 3_276),
        "epoch_age": (60, 3_600),
        "spot_age": (30, 14_400),
        "surface_age": (60, 43_200),
        "gain_cap": (0, 10**6),
    }
    names = draw(st.lists(st.sampled_from(sorted(changes)), unique=True, min_size=1))
    world.tighten(market, {name: draw(st.sampled_from(changes[name])) for name in names})


def happen(draw: Draw, world: World, market: int, near: int, events: tuple[Any, ...], most: int) -> None:
    """Up to so many of these events."""
    for event in draw(st.lists(st.sampled_from(events), max_size=most)):
        event(draw, world, market, near)
