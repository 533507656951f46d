# pragma version 0.4.3
"""
@title The requirement of one book in one market
@license MIT
@notice The worst of 14 scenarios over options, forwards and collateral together, and beside them charges for what the scenarios cannot see.
@dev Four lanes are moved by one multiplication: an array's lanes lie 14 bits apart, a mask takes every fourth, which lie 56 bits apart, and the
     product with the signed lots, modulo 2**256, adds into four sums. They began at 2**55 each, so they never borrow from one another.
     The mark lies where lanes 14 and 15 would, and is summed for nothing. Positions come latest expiry first.
"""

from ..interfaces import IOracle
from ..interfaces import IRisk
from . import calendar
from . import fixings
from . import instruments
from . import open_risk
from . import scenarios
from . import snapshots

uses: fixings
uses: snapshots

UNUSABLE: constant(uint256) = 1
DEAD: constant(uint256) = 2
BEYOND: constant(uint256) = 4

MASK: constant(uint256) = 16_383 * (2**168 + 2**112 + 2**56 + 1)
HALF: constant(uint256) = 2**55
FIELDS: constant(uint256) = HALF * (2**168 + 2**112 + 2**56 + 1)
M56: constant(uint256) = 2**56 - 1
M64: constant(uint256) = 2**64 - 1
MARK_ZERO: constant(uint256) = 2**27
LOT_SIGN: constant(uint256) = 2**27
STRIKE_MASK: constant(uint256) = 2**20 - 1
STRIKES_END: constant(uint256) = 2**128
MOST_UNITS: constant(uint256) = 2**40    # with all that 32 positions can hold, the most that the sums take
PUT: constant(uint256) = 2**28          # the kind in a position
FORWARD: constant(uint256) = 2**29
WAD: constant(uint256) = 10**18
# A long code counts 63ths of a 24th of the scan, a short code 60ths of the scan: both in 7,560ths.
LONG_CODE: constant(uint256) = 5
SHORT_CODE: constant(uint256) = 126
CODE_UNIT: constant(uint256) = 7_560
ACCOUNT_POSITIONS: constant(uint256) = 2        # an account costs a keeper as much as so many positions
RUN_DOWN: constant(uint256) = 86_400            # a series counts less and less as a hedge in its last day
RECEIVABLE: constant(uint256) = 86_400          # an unpaid receivable counts for a day


struct Sums:
    a: uint256              # lanes 0, 4, 8, 12, biased
    b: uint256              # lanes 1, 5, 9, 13
    c: uint256              # lanes 2, 6, 10 and the mark's lower half
    d: uint256              # lanes 3, 7, 11 and its upper half
    lots: uint256           # net, two's complement
    charged: uint256        # by what is net at a strike: long codes times lots 64 | short codes times lots 64 | short lots
    hidden: uint256         # short lots that are not in there: forwards, and what a long of the same strike offsets
    apart: int256           # lane units: what each expiry loses when volatility moves against it alone
    up: int256              # lane units: volatility up at an unmoved spot, all expiries
    down: int256
    expiries: uint256
    tilts: int256           # lane units between the middle nodes, each expiry's without its sign
    tilt: int256


@internal
@view
def _assess(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment:
    state: uint256 = snapshots.states[market]
    assert state != 0, "market"
    reference: uint256 = (state >> 20) & snapshots.VALUE_MASK
    reading: IOracle.Reading = staticcall snapshots.ORACLE.read(snapshots.spot_feeds[market])
    age: uint256 = unsafe_sub(block.timestamp, (state >> 108) & snapshots.TIME_MASK)
    status: uint256 = 0
    if reading.value != 0 and block.timestamp <= unsafe_add(reading.observed_at, (state >> snapshots.SPOT_AGE) & snapshots.M14):
        assert not snapshots._is_due(reading.value, state, age), "epoch"
    elif block.timestamp > reading.observed_at + ((state >> snapshots.SPOT_AGE) & snapshots.M14) + 86_400:
        status = UNUSABLE | DEAD
    else:
        status = UNUSABLE

    lot: uint256 = pow_mod256(10, (state >> snapshots.LOT) & 31)
    units: uint256 = 0
    ones: uint256 = 0
    if header >> 160 != 0:
        units = min(unsafe_div(header >> 160, lot), MOST_UNITS)     # collateral counts in whole lots
        ones = snapshots.ones[market]
    base: uint256 = market << 36
    epoch: uint256 = state & snapshots.EPOCH_MASK
    tick: uint256 = pow_mod256(10, (state >> snapshots.TICK) & 31)
    below: uint256 = unsafe_div(unsafe_sub(reference, 1), tick)     # the last strike that is less than the reference, in ticks
    sums: Sums = empty(Sums)
    sums.a = FIELDS
    sums.b = FIELDS
    sums.c = FIELDS
    sums.d = FIELDS
    intrinsic: uint256 = 0      # of what is in the money: sign times lots times (strike in ticks | 1 << 128)
    settled: int256 = 0         # wad of one unit, times lots, of what has expired
    far: uint256 = 0            # the requirement without what expires within a day
    weight: uint256 = 0
    strike: uint256 = max_value(uint256)    # day and strike
    net: uint256 = 0            # lots of options at this strike, two's complement
    codes: uint256 = 0          # their charge codes; no option is without
    charge: uint256 = 0
    day: uint256 = max_value(uint256)
    up: uint256 = HALF          # the fields where this expiry began
    down: uint256 = HALF
    high: uint256 = HALF
    low: uint256 = HALF
    lots: uint256 = 0
    ended: bool = False
    for index: uint256 in range(9):
        rest: uint256 = M64     # after the last word: no series is of that day, and it closes the last expiry
        if index < len(words):
            rest = words[index]
        for _: uint256 in range(4):
            if rest == 0:
                break
            position: uint256 = rest & M64
            rest = rest >> 64
            quantity: uint256 = unsafe_sub(position & (LOT_SIGN - 1), position & LOT_SIGN)
            if position >> 30 != strike:
                strike = position >> 30
                codes = 0
                if strike >> 20 != day:
                    if day != max_value(uint256):
                        # What this expiry gained when only volatility moved, and between the nodes beside the middle.
                        bias: uint256 = unsafe_mul(unsafe_sub(sums.lots, lots), scenarios.LANE_ZERO)
                        gain_up: int256 = convert(
                            convert(unsafe_sub(unsafe_sub(sums.d & M56, up), bias), bytes32), int256
                        )
                        gain_down: int256 = convert(
                            convert(unsafe_sub(unsafe_sub((sums.c >> 112) & M56, down), bias), bytes32), int256
                        )
                        tilt: int256 = convert(
                            convert(
                                unsafe_sub(unsafe_sub((sums.a >> 56) & M56, high), unsafe_sub(sums.c & M56, low)), bytes32
                            ),
                            int256,
                        )
                        sums.expiries = unsafe_add(sums.expiries, 1)
                        sums.up = unsafe_add(sums.up, gain_up)
                        sums.down = unsafe_add(sums.down, gain_down)
                        sums.apart = unsafe_sub(sums.apart, min(min(gain_up, gain_down), 0))
                        sums.tilt = unsafe_add(sums.tilt, tilt)
                        sums.tilts = unsafe_add(sums.tilts, max(tilt, unsafe_sub(0, tilt)))
                    day = strike >> 20
                    if position == M64:
                        ended = True
                        break
                    expiry: uint256 = calendar._expiry(day)
                    if expiry <= unsafe_add(block.timestamp, RUN_DOWN):
                        if expiry <= block.timestamp:
                            # So is all that follows.
                            settled, status = self._settled(market, words, reference, tick, status)
                            ended = True
                            break
                        far = self._required(market, sums, units, lot, state, ones, reference)
                        weight = unsafe_sub(RUN_DOWN, unsafe_sub(expiry, block.timestamp))
                        if expiry < unsafe_add(block.timestamp, calendar.WINDOW) and status & UNUSABLE == 0:
                            assert age < snapshots.WINDOW_EPOCH_AGE, "epoch"
                    up = sums.d & M56
                    down = (sums.c >> 112) & M56
                    high = (sums.a >> 56) & M56
                    low = sums.c & M56
                    lots = sums.lots
            array: uint256 = snapshots.arrays[base | (position >> 28)]
            if array >> 236 != epoch:
                status |= self._stale(market, day, array, status, state)
            sums.a = unsafe_add(sums.a, unsafe_mul(array & MASK, quantity))
            sums.b = unsafe_add(sums.b, unsafe_mul((array >> 14) & MASK, quantity))
            sums.c = unsafe_add(sums.c, unsafe_mul((array >> 28) & MASK, quantity))
            sums.d = unsafe_add(sums.d, unsafe_mul((array >> 42) & MASK, quantity))
            sums.lots = unsafe_add(sums.lots, quantity)
            # Of options the intrinsic value counts where they are in the money, of forwards always.
            if position & FORWARD != 0:
                sums.hidden = unsafe_add(sums.hidden, self._short(quantity))
                intrinsic = unsafe_add(intrinsic, unsafe_mul((strike & STRIKE_MASK) | STRIKES_END, quantity))
            else:
                if position & PUT != 0:
                    if strike & STRIKE_MASK > below:
                        intrinsic = unsafe_sub(intrinsic, unsafe_mul((strike & STRIKE_MASK) | STRIKES_END, quantity))
                elif strike & STRIKE_MASK <= below:
                    intrinsic = unsafe_add(intrinsic, unsafe_mul((strike & STRIKE_MASK) | STRIKES_END, quantity))
                array = (array >> 224) & 4_095
                if codes == 0:
                    net = quantity
                else:
                    # Call and put of one strike: what is charged is their net, and the larger short code covers both.
                    sums.charged = unsafe_sub(sums.charged, charge)
                    net = unsafe_add(net, quantity)
                    sums.hidden = unsafe_sub(
                        unsafe_add(sums.hidden, unsafe_add(charge >> 128, self._short(quantity))), self._short(net)
                    )
                    array = max(array, codes)
                codes = array
                if net >> 255 == 0:
                    charge = unsafe_mul(net, codes >> 6)
                else:
                    charge = unsafe_mul(unsafe_sub(0, net), ((codes & 63) << 64) | STRIKES_END)
                sums.charged = unsafe_add(sums.charged, charge)
        if ended:
            break
    requirement: uint256 = max(
        self._required(market, sums, units, lot, state, ones, reference), unsafe_div(unsafe_mul(far, weight), RUN_DOWN)
    )
    if header & 255 != 0:
        fixed_charge: uint256 = unsafe_mul((state >> snapshots.POSITION_CHARGE) & snapshots.M20, open_risk.UNIT)
        requirement = unsafe_add(requirement, unsafe_mul(unsafe_add(header & 255, ACCOUNT_POSITIONS), fixed_charge))
    initial: uint256 = unsafe_add(
        unsafe_div(unsafe_mul(requirement, (state >> snapshots.INITIAL_FACTOR) & snapshots.M12), 1_000),
        unsafe_mul((header >> 8) & open_risk.STORED_MASK, open_risk.UNIT)
    )
    marks: uint256 = unsafe_add(unsafe_sub(sums.c >> 168, HALF), unsafe_sub(sums.d >> 168, HALF) << 14)
    marks = unsafe_sub(unsafe_sub(marks, unsafe_mul(sums.lots, MARK_ZERO)), unsafe_add(sums.charged >> 128, sums.hidden))
    strikes: int256 = convert(convert(intrinsic << 128, bytes32), int256) >> 128
    in_money: int256 = unsafe_sub(convert(convert(intrinsic, bytes32), int256), strikes) >> 128
    price: int256 = convert(convert(reference, bytes32), int256)
    gains: int256 = unsafe_add(
        unsafe_add(unsafe_mul(convert(convert(marks, bytes32), int256), price) >> 24, settled),
        unsafe_sub(unsafe_mul(in_money, price), unsafe_mul(strikes, convert(convert(tick, bytes32), int256))),
    )
    gains = self._scaled(gains, lot)
    candidate_loss: uint256 = 0
    if reading.candidate != 0 and status & UNUSABLE == 0:
        candidate_loss = self._candidate_loss(sums, units, state, snapshots.ones[market], reference, reading.candidate)
        if candidate_loss == max_value(uint256):
            candidate_loss = 0
            status |= BEYOND
    cap: int256 = 0
    if gains > convert(convert(requirement, bytes32), int256):
        cap = convert(convert(unsafe_mul(snapshots.ones[market] >> snapshots.GAIN_CAP, WAD), bytes32), int256)
        if snapshots.doubted[market]:
            # What accounts in run-off owe margins this market alone.
            doubtful: uint256 = staticcall snapshots.AUCTION.doubtful(market, words)
            cap = min(cap, max(0, gains - self._signed(requirement + doubtful)))
    worth: int256 = gains
    if units != 0:
        worth = unsafe_add(gains, self._scaled(unsafe_mul(convert(convert(units, bytes32), int256), price), lot))
    return IRisk.Assessment(
        status=status,
        worth=worth,
        requirement=requirement,
        maintenance=self._with_excess(requirement, gains, cap),
        initial=self._with_excess(initial, gains, cap),
        candidate_loss=candidate_loss,
        short_lots=sums.charged >> 128,
    )


@internal
@view
def _stale(market: uint256, day: uint256, array: uint256, status: uint256, state: uint256) -> uint256:
    """
    @notice Where no price or no surface can be had an array stays as it was: nobody is kept from closing by a feed.
    """
    assert array != 0, "array"
    if status & UNUSABLE == 0:
        assert not snapshots._quote_usable(snapshots._quoted(market, day), snapshots.limits[market]), "array"
    return UNUSABLE


@internal
@view
def _settled(
    market: uint256, words: DynArray[uint256, 8], reference: uint256, tick: uint256, status: uint256
) -> (int256, uint256):
    """
    @notice What has expired is worth its payoff, wad of one unit times lots: what is owed for ever, what is to come for a day from its
            fixing. Before that it has no price that can be relied on.
    """
    settled: int256 = 0
    after: uint256 = status
    for word: uint256 in words:
        rest: uint256 = word
        for _: uint256 in range(4):
            if rest == 0:
                break
            position: uint256 = rest & M64
            rest = rest >> 64
            day: uint256 = position >> 50
            expiry: uint256 = calendar._expiry(day)
            if expiry > block.timestamp:
                continue
            price: uint256 = reference
            until: uint256 = max_value(uint256)
            fixing: uint256 = fixings.records[(market << 14) | day]
            if fixing == 0:
                after |= UNUSABLE
            else:
                price = fixing & fixings.PRICE_MASK
                until = unsafe_add(fixing >> 88, RECEIVABLE)
            payoff: int256 = instruments._payoff((position >> 28) & 3, price, unsafe_mul((position >> 30) & STRIKE_MASK, tick))
            payoff = unsafe_mul(payoff, instruments._lots(position))
            if payoff < 0 or block.timestamp < until:
                settled = unsafe_add(settled, payoff)
    return settled, after


@internal
@view
def _required(
    market: uint256, sums: Sums, units: uint256, lot: uint256, state: uint256, ones: uint256, reference: uint256
) -> uint256:
    """
    @notice The worst scenario and the charges, wad, rounded up.
    """
    a: uint256 = sums.a
    b: uint256 = sums.b
    c: uint256 = sums.c
    d: uint256 = sums.d
    if units != 0:
        a = unsafe_add(a, unsafe_mul(ones & MASK, units))
        b = unsafe_add(b, unsafe_mul((ones >> 14) & MASK, units))
        c = unsafe_add(c, unsafe_mul((ones >> 28) & MASK, units))
        d = unsafe_add(d, unsafe_mul((ones >> 42) & MASK, units))
    # Where a and b hold lanes 12 and 13, c and d hold the mark.
    worst: uint256 = min(min(a & M56, b & M56), min(c & M56, d & M56))
    worst = min(worst, min(min((a >> 56) & M56, (b >> 56) & M56), min((c >> 56) & M56, (d >> 56) & M56)))
    worst = min(worst, min(min((a >> 112) & M56, (b >> 112) & M56), min((c >> 112) & M56, (d >> 112) & M56)))
    worst = min(worst, min(a >> 168, b >> 168))
    zero: uint256 = unsafe_add(unsafe_add(HALF, unsafe_mul(unsafe_add(sums.lots, units), scenarios.LANE_ZERO)), unsafe_add(sums.charged >> 128, sums.hidden))
    lanes: uint256 = 0
    if zero > worst:
        lanes = unsafe_sub(zero, worst)
    apart: int256 = unsafe_add(sums.apart, min(min(sums.up, sums.down), 0))
    lanes = unsafe_add(lanes, convert(convert(apart, bytes32), uint256))
    if sums.expiries > 1:
        # Rounded lanes may hide up to one unit a lot from the difference: long or short, each counts.
        short_legs: uint256 = unsafe_add(sums.charged >> 128, sums.hidden)
        lanes = unsafe_add(lanes, unsafe_add(sums.lots, unsafe_add(short_legs, short_legs)))
    needed: uint256 = unsafe_mul(lanes, reference) >> unsafe_sub(14, (state >> snapshots.COARSE) & 1)
    scan: uint256 = unsafe_add((state >> snapshots.SCAN) & snapshots.M16, (state >> snapshots.BAND) & snapshots.M12)
    codes: uint256 = unsafe_add(
        unsafe_mul(sums.charged & M64, LONG_CODE), unsafe_mul((sums.charged >> 64) & M64, SHORT_CODE)
    )
    needed = unsafe_add(needed, unsafe_div(unsafe_mul(unsafe_mul(codes, scan), reference), CODE_UNIT << 16))
    if sums.tilts != 0 and (units != 0 or sums.tilts != max(sums.tilt, unsafe_sub(0, sums.tilt))):
        # What forwards that offset one another, or spot, lose when each moves for itself.
        spot: uint256 = snapshots.ones[market]
        one: uint256 = unsafe_sub((spot >> 56) & 16_383, (spot >> 28) & 16_383)
        together: int256 = unsafe_add(sums.tilt, convert(convert(unsafe_mul(one, units), bytes32), int256))
        offset: int256 = unsafe_sub(sums.tilts, max(together, unsafe_sub(0, together)))
        if offset > 0:
            moved: uint256 = unsafe_mul(convert(convert(offset, bytes32), uint256), (state >> snapshots.BASIS) & snapshots.M12)
            needed = unsafe_add(needed, unsafe_div(unsafe_mul(moved, reference), one << 16))
    return unsafe_div(unsafe_add(unsafe_mul(needed, lot), WAD - 1), WAD)


@internal
@pure
def _candidate_loss(
    sums: Sums, units: uint256, state: uint256, ones: uint256, reference: uint256, candidate: uint256
) -> uint256:
    """
    @notice The worst scenario on the way from the reference to a candidate price and one node further, wad; the largest number when
            the candidate lies beyond the scenarios.
    """
    fields: uint256[4] = [
        unsafe_add(sums.a, unsafe_mul(ones & MASK, units)),
        unsafe_add(sums.b, unsafe_mul((ones >> 14) & MASK, units)),
        unsafe_add(sums.c, unsafe_mul((ones >> 28) & MASK, units)),
        unsafe_add(sums.d, unsafe_mul((ones >> 42) & MASK, units)),
    ]
    bits: uint256 = unsafe_sub(14, (state >> snapshots.COARSE) & 1)
    place: uint256 = scenarios._place(candidate, reference, bits)
    if not scenarios._within(place, ones):
        return max_value(uint256)
    zero: uint256 = unsafe_add(unsafe_add(HALF, unsafe_mul(unsafe_add(sums.lots, units), scenarios.LANE_ZERO)), unsafe_add(sums.charged >> 128, sums.hidden))
    worst: uint256 = zero
    for lane: uint256 in range(14):
        if scenarios._is_on_the_way(place, ones, lane):
            worst = min(worst, (fields[lane & 3] >> (56 * (lane >> 2))) & M56)
    loss: uint256 = unsafe_mul(unsafe_sub(zero, worst), reference) >> bits
    return unsafe_div(unsafe_add(unsafe_mul(loss, pow_mod256(10, (state >> snapshots.LOT) & 31)), WAD - 1), WAD)


@internal
@pure
def _with_excess(needed: uint256, gains: int256, cap: int256) -> uint256:
    """
    @notice Gains beyond the cap margin nothing but their own market.
    """
    return convert(max(self._signed(needed), unsafe_sub(gains, cap)), uint256)


@internal
@pure
def _short(lots: uint256) -> uint256:
    """
    @notice By how much a number of lots in two's complement is below zero.
    """
    if lots >> 255 != 0:
        return unsafe_sub(0, lots)
    return 0


@internal
@pure
def _signed(number: uint256) -> int256:
    return convert(convert(number, bytes32), int256)


@internal
@pure
def _scaled(amount: int256, lot: uint256) -> int256:
    """
    @notice From one unit's price times lots to wad, rounded down.
    """
    scaled: int256 = unsafe_mul(amount, self._signed(lot))
    if scaled >= 0:
        return unsafe_div(scaled, 10**18)
    return unsafe_div(unsafe_sub(scaled, 10**18 - 1), 10**18)
