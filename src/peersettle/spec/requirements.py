"""What the book of one account in one market is worth, and what it must be covered with.

As `contracts/modules/requirements.vy` does it, bit for bit, lane by lane: the worst of 14 scenarios over options,
forwards and collateral together, and beside them charges for what the scenarios cannot see.

Money in wad unless said. A lane counts 2**-lane_bits of the reference price; amounts of money "times lots" are wad of
one unit of the underlying, times lots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Final

from peersettle.risk.assessments import Assessment
from peersettle.risk.instruments import Fixing
from peersettle.spec import snapshots
from peersettle.spec.oracle import Reading
from peersettle.spec.risk_arrays import LANE_ZERO, MARK_ZERO, Kind
from peersettle.spec.snapshots import DAY, WINDOW, WINDOW_EPOCH_AGE, Snapshot, Sources, expiry_of, require
from peersettle.types import WAD

UNUSABLE: Final = 1
"""Something that the assessment needs is too old."""
DEAD: Final = 2
"""The price has been too old for a day."""
BEYOND: Final = 4
"""A candidate price lies beyond the scenarios."""

LANES: Final = 14
SPOT_LANES: Final = range(7)
"""Volatility up, spot from the lowest to the highest node."""
STILL_UP, STILL_DOWN = 3, 10
"""Spot unmoved, volatility up and down."""
BELOW, ABOVE = 2, 4
"""The nodes beside the middle."""
UNIT: Final = 10**14
"""Of requirement, addition and open risk as they are stored: 1e-4."""
MOST_UNITS: Final = 2**40
"""So many lots of collateral count: with all that 32 positions can hold, the most that the contract's sums take."""
STORED_MAX: Final = (1 << 56) - 1
LONG_CODE: Final = 5
"""A long code counts 63ths of a 24th of the scan, a short code 60ths of the scan: both in 7,560ths."""
SHORT_CODE: Final = 126
CODE_UNIT: Final = 7_560
ACCOUNT_POSITIONS: Final = 2
"""An account costs a keeper as much as so many positions."""
RUN_DOWN: Final = DAY
"""A series counts less and less as a hedge in its last day."""
RECEIVABLE: Final = DAY
"""An unpaid receivable counts for a day from its fixing."""
_KEPT: Final = 4_096
"""Words that were taken apart and are remembered: in an epoch all accounts share them."""


@dataclass(frozen=True)
class Book:
    """One account in one market. `collateral` in wad, `requirement` and `addition` in 1e-4 as last committed."""

    collateral: int = 0
    requirement: int = 0
    addition: int = 0
    positions: tuple[tuple[int, int], ...] = ()
    """(series, lots), the greatest series first; lots are not zero, at most 32 of them."""

    @property
    def header(self) -> int:
        """`collateral 96 | free 40 | requirement 56 | addition 56 | count 8` bits, from the top."""
        return self.collateral << 160 | self.requirement << 64 | self.addition << 8 | len(self.positions)

    @property
    def words(self) -> list[int]:
        """The positions, `series 36 | lots 28` bits each, four to a word from the low end."""
        fields = [series << 28 | lots % (1 << 28) for series, lots in self.positions]
        starts = range(0, len(fields), 4)
        return [sum(one << 64 * i for i, one in enumerate(fields[start : start + 4])) for start in starts]


@dataclass(frozen=True)
class Array:
    """What one lot of a series gains in each scenario, in lanes above `LANE_ZERO`, and its time value above
    `MARK_ZERO` in 2**-24."""

    epoch: int
    lanes: tuple[int, ...]
    mark: int
    codes: tuple[int, int]
    """What a long and a short are charged beside the lanes."""

    @classmethod
    @lru_cache(_KEPT)
    def of(cls, word: int) -> Array:
        """`epoch 20 | long code 6 | short code 6 | mark 28 | 14 lanes of 14` bits, from the top."""
        lanes = lanes_of(word)
        return cls(word >> 236, lanes, word >> 196 & (1 << 28) - 1, (word >> 230 & 63, word >> 224 & 63))


@dataclass
class Expiry:
    """All live positions of one expiry."""

    lots: int = 0
    short_legs: int = 0
    lanes: list[int] = field(default_factory=lambda: [0] * LANES)
    """What they gain in each scenario."""
    time_value: int = 0
    """2**-24 of the reference."""
    long_codes: int = 0
    """Charge codes times the lots that are net long at a strike."""
    short_codes: int = 0
    short_lots: int = 0

    @property
    def tilt(self) -> int:
        """What they gain from the node below the middle to that above."""
        return self.lanes[ABOVE] - self.lanes[BELOW]

    @property
    def loss_apart(self) -> int:
        """What they lose when volatility moves against them."""
        return larger_loss(self.lanes[STILL_UP], self.lanes[STILL_DOWN])


# The assessment


def assess(
    sources: Sources,
    snapshot: Snapshot,
    fixed: Mapping[int, Fixing],
    book: Book,
    now: int,
    doubtful: Callable[[], int] | None = None,
) -> Assessment:
    """A book at the snapshot. `fixed` has the market's fixings by day; `doubtful`, where somebody is in run-off, says
    how much of the book's gains, wad, nobody but accounts in run-off owes.

    Raises:
        Reverted: "epoch": a new epoch is due and can be had; "array": one was never computed, or must and can be anew.
    """
    reading = sources.oracle.read(snapshot.terms.spot_feed)
    status = price_status(snapshot, reading, now)
    reference, lot = snapshot.reference, snapshot.terms.lot
    units = min(book.collateral // lot, MOST_UNITS)  # collateral counts in whole lots

    expiries: list[Expiry] = []
    far = weight = intrinsic = settled = 0
    for day, positions in groupby(book.positions, lambda position: position[0] >> 22):
        expiry = expiry_of(day)
        if expiry <= now:
            fixing = fixed.get(day)
            status |= 0 if fixing else UNUSABLE
            price = fixing.price if fixing else reference
            counts_long = fixing is None or now < fixing.fixed_at + RECEIVABLE
            amounts = [payoff(snapshot, series, price) * lots for series, lots in positions]
            settled += sum(amount for amount in amounts if amount < 0 or counts_long)
            continue
        if expiry <= now + RUN_DOWN:
            # What expires within a day is no hedge any more when it has gone.
            far, weight = needed(snapshot, expiries, units), RUN_DOWN - (expiry - now)
            if expiry < now + WINDOW and not status & UNUSABLE:
                require(now - snapshot.started < WINDOW_EPOCH_AGE, "epoch", started=snapshot.started)
        held = list(positions)
        status |= arrays_status(sources, snapshot, [series for series, _ in held], status, now)
        intrinsic += sum(payoff(snapshot, series, reference) * lots for series, lots in held)
        expiries.append(summed(snapshot, held))

    requirement = max(needed(snapshot, expiries, units), far * weight // RUN_DOWN)
    if book.positions:
        requirement += (len(book.positions) + ACCOUNT_POSITIONS) * snapshot.parameters.position_charge * UNIT
    initial = requirement * snapshot.parameters.initial_factor // 1_000 + book.addition * UNIT

    time_value = sum(one.time_value - one.short_legs for one in expiries)
    gains = (((time_value * reference) >> 24) + intrinsic + settled) * lot // WAD
    # Gains beyond the cap margin nothing but their own market; nor does what accounts in run-off owe.
    cap = snapshot.parameters.gain_cap * WAD
    if doubtful is not None and gains > requirement:
        cap = min(cap, max(0, gains - requirement - doubtful()))
    excess = gains - cap

    loss: int | None = 0
    if reading.candidate and not status & UNUSABLE:
        loss = candidate_loss(snapshot, expiries, units, reading.candidate)
        status |= BEYOND if loss is None else 0
    return Assessment(
        status=status,
        worth=gains + units * reference * lot // WAD,
        requirement=requirement,
        maintenance=max(requirement, excess),
        initial=max(initial, excess),
        candidate_loss=loss or 0,
        short_lots=sum(one.short_lots for one in expiries),
    )


def price_status(snapshot: Snapshot, reading: Reading, now: int) -> int:
    """Whether the price can be used; then the epoch must be in force, too."""
    if snapshots.usable(reading, snapshot.parameters, now):
        is_young = now - snapshot.started < snapshot.parameters.epoch_age
        require(is_young and not snapshots.left_band(reading.value, snapshot), "epoch", started=snapshot.started)
        return 0
    is_dead = now > reading.observed_at + snapshot.parameters.spot_age + DAY
    return UNUSABLE | DEAD if is_dead else UNUSABLE


def arrays_status(sources: Sources, snapshot: Snapshot, series: Sequence[int], status: int, now: int) -> int:
    """Whether arrays of one expiry are of this epoch. Where no surface can be had they stay as they were: nobody is
    kept from closing by a feed."""
    for one in series:
        word = snapshot.arrays.get(one, 0)
        if word >> 236 == snapshot.epoch:
            continue
        if not status & UNUSABLE:
            quoted = snapshots.quoted_slice(sources, snapshot, one >> 22)
            require(not snapshots.surface_usable(quoted, snapshot.parameters, now), "array", series=one)
        require(word != 0, "array", series=one)
        status |= UNUSABLE
    return status


def summed(snapshot: Snapshot, positions: Sequence[tuple[int, int]]) -> Expiry:
    """The live positions of one expiry together."""
    expiry = Expiry()
    for _, at_strike in groupby(positions, lambda position: position[0] >> 2):
        net, codes = 0, (0, 0)
        for series, lots in at_strike:
            array = Array.of(snapshot.arrays[series])
            for i, lane in enumerate(array.lanes):
                expiry.lanes[i] += (lane - LANE_ZERO) * lots
            expiry.time_value += (array.mark - MARK_ZERO) * lots
            expiry.lots += lots
            expiry.short_legs += max(-lots, 0)
            if series & 3 != Kind.FORWARD:
                net += lots
                codes = max(codes, array.codes)  # call and put share the long code; the larger short code covers both
        long, short = codes
        expiry.long_codes += max(net, 0) * long
        expiry.short_codes += max(-net, 0) * short
        expiry.short_lots += max(-net, 0)
    return expiry


def gains_by_lane(snapshot: Snapshot, expiries: Iterable[Expiry], units: int) -> list[int]:
    """What positions and collateral gain in each scenario, in lanes. A short is the floor of a lane short, so each lot
    of it loses one lane more."""
    gains = [(lane - LANE_ZERO) * units for lane in lanes_of(snapshot.ones)]
    for expiry in expiries:
        gains = [gain + more - expiry.short_legs for gain, more in zip(gains, expiry.lanes, strict=True)]
    return gains


def needed(snapshot: Snapshot, expiries: Sequence[Expiry], units: int) -> int:
    """The worst scenario and the charges, without that for each position. Rounded up from 1e-18 of one unit's price."""
    reference, parameters = snapshot.reference, snapshot.parameters
    scan = max(0, -min(gains_by_lane(snapshot, expiries, units)))
    # Volatilities of different expiries need not move together.
    together = larger_loss(*(sum(one.lanes[lane] for one in expiries) for lane in (STILL_UP, STILL_DOWN)))
    volatility = sum(one.loss_apart for one in expiries) - together
    if len(expiries) > 1:
        # Rounded lanes may hide up to one a lot from the difference: long or short, each counts.
        volatility += sum(one.lots + 2 * one.short_legs for one in expiries)
    amount = (scan + volatility) * reference >> snapshot.lane_bits

    codes = sum(one.long_codes * LONG_CODE + one.short_codes * SHORT_CODE for one in expiries)
    amount += codes * snapshot.scan * reference // (CODE_UNIT << 16)

    # Forwards that offset one another, or spot, each move for themselves, too.
    ones = lanes_of(snapshot.ones)
    one = ones[ABOVE] - ones[BELOW]
    offset = sum(abs(each.tilt) for each in expiries) - abs(sum(each.tilt for each in expiries) + one * units)
    amount += max(offset, 0) * parameters.basis * reference // (one << 16)
    return -(-amount * snapshot.terms.lot // WAD)


def candidate_loss(snapshot: Snapshot, expiries: Sequence[Expiry], units: int, candidate: int) -> int | None:
    """The worst scenario on the way from the reference to a candidate price and one node further; None where it lies
    beyond the scenarios."""
    bits, nodes = snapshot.lane_bits, lanes_of(snapshot.ones)
    place = (candidate << bits) // snapshot.reference - (1 << bits) + LANE_ZERO
    if not nodes[SPOT_LANES[0]] <= place <= nodes[SPOT_LANES[-1]]:
        return None
    gains = gains_by_lane(snapshot, expiries, units)
    worst = 0
    for lane, node in enumerate(nodes):
        above = node > LANE_ZERO and place > nodes[lane - 1]
        below = node < LANE_ZERO and place < nodes[lane + 1]
        if node == LANE_ZERO or above or below:
            worst = min(worst, gains[lane])
    amount = -worst * snapshot.reference >> bits
    return -(-amount * snapshot.terms.lot // WAD)


# Open risk


def count(snapshot: Snapshot, book: Book, requirement: int) -> tuple[int, int, int]:
    """Count a book's requirement into the market's open risk: the new open risk, requirement and addition, in 1e-4.

    Who raises it pays an addition by how much there is already; who lowers it gets its addition back in proportion.
    """
    before, parameters = book.requirement, snapshot.parameters
    after = min(-(-requirement // UNIT), STORED_MAX) if book.positions else 0
    open_risk = min(snapshot.open_risk + after - min(before, snapshot.open_risk), STORED_MAX)
    addition = book.addition
    if after > before:
        full = parameters.risk_scale * (WAD // UNIT)
        share = parameters.risk_rate * min(open_risk, full)
        addition = min(addition + (after - before) * share // (full << 16), STORED_MAX)
    elif before:
        addition = addition * after // before
    return open_risk, after, addition


# Sides


def sides(sources: Sources, snapshot: Snapshot, fixed: Mapping[int, Fixing], book: Book, now: int) -> tuple[int, int]:
    """Assets, each rounded down, and liabilities, each rounded up: collateral and every position by itself; what is to
    be received after an expiry in whole, however late.

    Raises:
        Reverted: "epoch", "array", where anything is not valued at a fixing: at marks of another time the solvent could
            pass for insolvent.
    """
    lot, reference = snapshot.terms.lot, snapshot.reference
    assets, liabilities = min(book.collateral // lot, MOST_UNITS) * reference * lot // WAD, 0
    if assets or any(expiry_of(series >> 22) > now or series >> 22 not in fixed for series, _ in book.positions):
        assess(sources, snapshot, fixed, book, now)
    for series, lots in book.positions:
        day = series >> 22
        if expiry_of(day) <= now:
            each = payoff(snapshot, series, fixed[day].price if day in fixed else reference)
        else:
            mark = Array.of(snapshot.arrays.get(series, 0)).mark
            each = payoff(snapshot, series, reference) + ((mark - MARK_ZERO) * reference >> 24)
        amount = each * lots * lot
        if amount <= 0:
            liabilities += -(amount // WAD)
        else:
            assets += amount // WAD
    return assets, liabilities


# Small things


def payoff(snapshot: Snapshot, series: int, price: int) -> int:
    """What one unit pays its holder at a price; of a forward perhaps less than nothing."""
    gain = price - (series >> 2 & (1 << 20) - 1) * snapshot.terms.tick
    match Kind(series & 3):
        case Kind.CALL:
            return max(gain, 0)
        case Kind.PUT:
            return max(-gain, 0)
        case Kind.FORWARD:
            return gain


@lru_cache(_KEPT)
def lanes_of(word: int) -> tuple[int, ...]:
    """14 lanes of 14 bits from bit 0."""
    return tuple(word >> 14 * i & (1 << 14) - 1 for i in range(LANES))


def larger_loss(up: int, down: int) -> int:
    """The larger of two losses; zero when both gain."""
    return max(-up, -down, 0)
