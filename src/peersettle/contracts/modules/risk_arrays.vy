# pragma version 0.4.3
"""
@title Risk arrays: what one lot of a series gains or loses in each of fourteen scenarios, and what it is worth
@license MIT
@notice All money is in units of the epoch's reference price. Strikes and forwards are Q48, logarithms Q64, deviations (volatility times
        the square root of the time to expiry) and distances in deviations Q32, relative volatility shocks Q16.
        `peersettle.spec.risk_arrays` is the same arithmetic, bit for bit.
        An array, from bit 0: 14 lanes of 14 bits | mark 28 | short code 6 | long code 6; above bit 236 are the caller's 20 bits.
        - lanes 0 to 6: volatility up, spot at -1, -2/3, -1/3, 0, 1/3, 2/3 and 1 of the scan, in logarithms;
        - lanes 7 to 13: volatility down, spot at -5/6, -1/2, -1/6, 0, 1/6, 1/2 and 5/6: staggered, so that less hides between nodes;
        - a lane is 8192 + floor((price there - price now) * 2**lane_bits), at least 0 and at most 16383;
        - the mark is 2**27 + floor((price now - intrinsic) * 2**24), intrinsic against the reference price, not the forward;
        - the codes are charges on the net quantity, see `_short_code` and `_long_code`.
@dev The scenarios are those of CME SPAN (16 points of price and volatility, and an extreme move of which a third is covered), finer. Each is
     priced by Black-76 as `black76` does it, in shorter words: with q = |ln(K / F)| / deviation and h = deviation / 2, the time value is
     min(F, K) * exp(-d1^2 / 2) * (R(d1) - R(d2)) where q >= h and min(F, K) * (1 - exp(-d1^2 / 2) * (R(d1) + R(d2))) elsewhere,
     d1 = |q - h|, d2 = q + h, R is a (4, 5) rational without a shift per step. The error is 2**-28 of the smaller of forward and strike.
     Within the stated bounds nothing can overflow or divide by zero, so arithmetic is unchecked; a quantity that may be negative is
     taken modulo 2**256, where a negative number is huge.
"""

from . import black76


CALL: constant(uint256) = 0
PUT: constant(uint256) = 1
FORWARD: constant(uint256) = 2

ONE: constant(uint256) = 2**48
LEAST_STRIKE: constant(uint256) = 2**48 // 1000
MOST_STRIKE: constant(uint256) = 2**48 * 1000
LEAST_FORWARD: constant(uint256) = 2**47
MOST_FORWARD: constant(uint256) = 2**49
LEAST_DEVIATION: constant(uint256) = 2**12          # 1e-6: 5 % of volatility for a hundredth of a second
MOST_DEVIATION: constant(uint256) = 2**34 - 1       # 4: 200 % for four years
MOST_SHOCK: constant(uint256) = 59999               # leaves a twelfth of the volatility
LANE_MAX: constant(uint256) = 16383
LANE_ZERO: constant(uint256) = 8192
NOWHERE: constant(uint256) = 256                    # what is shifted so far is gone
MARK_ZERO: constant(uint256) = 2**27
MARK_END: constant(uint256) = 2**28
MARK_PLACE: constant(uint256) = 196
SHORT_PLACE: constant(uint256) = 224
LONG_PLACE: constant(uint256) = 230
CODE_MAX: constant(uint256) = 63
PRICE_ERROR: constant(uint256) = 2**22              # Q48: no price within the scan is off by more, none at twice the scan by twice as much

FIELD: constant(uint256) = 37
NANO: constant(int256) = 10**9
REFERENCE_TENOR: constant(uint256) = 30 * 86400
# Ten times nearer or further than the reference the factor is at its bounds.
LEAST_TENOR: constant(uint256) = 30 * 86400 // 11
MOST_TENOR: constant(uint256) = 30 * 86400 * 11

ONE_Q64: constant(uint256) = 2**64
LN2: constant(uint256) = 12786308645202655660       # Q64
FURTHEST: constant(uint256) = 9 * 2**32             # exp(-9^2 / 2) is 2**-58

# R(z) of a Q32 number. Coefficient i is Q40 with the 32 bits that each higher power of z has brought: Q168 over Q200.
TOP_0: constant(uint256) = 549755815122 * 2**128
TOP_1: constant(uint256) = 466674261636 * 2**96
TOP_2: constant(uint256) = 190368657396 * 2**64
TOP_3: constant(uint256) = 40981299999 * 2**32
TOP_4: constant(uint256) = 3988436204
BOTTOM_0: constant(uint256) = 1099511627776 * 2**160
BOTTOM_1: constant(uint256) = 1810632061831 * 2**128
BOTTOM_2: constant(uint256) = 1275654563809 * 2**96
BOTTOM_3: constant(uint256) = 486910563100 * 2**64
BOTTOM_4: constant(uint256) = 102738742697 * 2**32
BOTTOM_5: constant(uint256) = 9997209387
# exp(-r), r from 0 to ln(2), of a Q32 number, alternately positive and negative: Q232.
DECAY_0: constant(uint256) = 1099511626259 * 2**192
DECAY_1: constant(uint256) = 1099511413075 * 2**160
DECAY_2: constant(uint256) = 549750834706 * 2**128
DECAY_3: constant(uint256) = 183208434367 * 2**96
DECAY_4: constant(uint256) = 45630701298 * 2**64
DECAY_5: constant(uint256) = 8765297274 * 2**32
DECAY_6: constant(uint256) = 1083882324


# What the arrays of one expiry share.
struct Scan:
    shock: uint256          # relative move of volatility, Q16
    step: uint256           # a third of the scan in use, Q64
    rise: uint256           # exp(step / 2), Q64
    fall: uint256           # exp(-step / 2), Q64
    full: uint256           # the market's scan, Q64
    lane_bits: uint256


@internal
@pure
def _scan_of(shock: uint256, step: uint256, full: uint256, lane_bits: uint256) -> Scan:
    """
    @notice What the arrays of one expiry share; computed once for them.
    @param shock Relative move of volatility, Q16, at most 59,999: see `_tenor_shock`.
    @param step A third of the scan in use, Q64, at most a third of `full`: less of it while the underlying becomes an average.
    @param full The market's scan, a move of the logarithm, Q64, above zero and at most 0.6.
    @param lane_bits A lane counts 2**-lane_bits of the reference price: 12, 13 or 14. A lane ends at 2, 1 or 1/2 of the reference
           price and saturates there, so a wide scan needs few bits.
    """
    rise: uint256 = black76._exp_small(step >> 1)
    return Scan(shock=shock, step=step, rise=rise, fall=unsafe_div(2**128, rise), full=full, lane_bits=lane_bits)


@internal
@pure
def _array(kind: uint256, strike: uint256, forward: uint256, parameters: uint256, scan: Scan) -> uint256:
    """
    @notice The array of one series; the caller's 20 bits are zero. Reverts for nothing within the bounds.
    @param kind 0 call, 1 put, 2 dated forward.
    @param strike Q48 of the reference price, taken as 1/1000 or 1000 where it is beyond: the option is as deep as can be.
    @param forward Q48 of the reference price, from 1/2 to 2: see `_forward`.
    @param parameters The SVI parameters of the expiry, see `_deviation`.
    """
    if kind == FORWARD:
        return self._forward_array(forward, scan)
    k: uint256 = min(max(strike, LEAST_STRIKE), MOST_STRIKE)
    x: int256 = 0
    if k < forward:
        x = unsafe_sub(0, convert(black76._ln(unsafe_div(forward << 96, k)) >> 32, int256))
    else:
        x = convert(black76._ln(unsafe_div(k << 96, forward)) >> 32, int256)
    return self._option_array(kind == PUT, k, forward, x, self._deviation(parameters, x), scan)


@internal
@pure
def _option_array(is_put: bool, strike: uint256, forward: uint256, moneyness: int256, deviation: uint256, scan: Scan) -> uint256:
    """
    @notice The array of an option, whose logarithm of strike over forward and whose deviation are known.
    @dev One loop, and within it no call and no checked arithmetic: this is nearly all of what a refresh costs.
    @param moneyness ln(strike / forward), Q64, rounded towards zero.
    @param deviation Q32, from 2**12 to below 2**34.
    """
    # Whichever of call and put is out of the money is charged for: of one strike both bend alike, and one can stand for the other. The walk
    # goes upwards from a strike below which that is the call, else downwards: to its worst node, then on to the extreme move.
    downwards: bool = strike < forward
    parity: bool = is_put != downwards                              # this is the other one
    stride: uint256 = 14
    outwards: uint256 = scan.rise
    inwards: uint256 = scan.fall
    step: int256 = convert(scan.step, int256)
    first: uint256 = 0                                              # place of the innermost lane, volatility up
    nearest: uint256 = 98                                           # and down
    if downwards:
        stride = max_value(uint256) - 13                            # -14
        first = 84
        nearest = 182
        outwards = scan.fall
        inwards = scan.rise
        step = unsafe_sub(0, step)
    factor: uint256 = unsafe_mul(outwards, outwards) >> 64          # the forward's from one node to the next
    back: uint256 = unsafe_mul(inwards, inwards) >> 64
    narrow: uint256 = unsafe_sub(48, scan.lane_bits)

    # of the node
    f: uint256 = forward                                            # forward, Q48
    h: uint256 = deviation >> 1                                     # half the deviation, Q32
    c: int256 = unsafe_div(moneyness, convert(deviation, int256))   # ln(strike / forward) in deviations, Q32
    place: uint256 = NOWHERE                                        # of its lane
    # to the next
    c_step: int256 = 0
    left: uint256 = 0                                               # nodes until the walk turns
    # of its price; declared outside the loop, since a declaration writes
    q: uint256 = 0
    least: uint256 = 0
    d1: uint256 = 0
    d2: uint256 = 0
    y: uint256 = 0
    r: uint256 = 0
    s: uint256 = 0
    price: uint256 = 0

    now: uint256 = 0
    bias: uint256 = 0
    worst: uint256 = 0
    word: uint256 = 0

    for i: uint256 in range(16):
        if c < 0:
            q = convert(convert(unsafe_sub(0, c), bytes32), uint256)    # by way of bytes: unchecked
            least = strike
            price = 0
            if not is_put:
                price = unsafe_sub(f, strike)
        else:
            q = convert(convert(c, bytes32), uint256)
            least = f
            price = 0
            if is_put:
                price = unsafe_sub(strike, f)
        if q < h:
            d1 = unsafe_sub(h, q)
        else:
            d1 = unsafe_sub(q, h)
        if d1 < FURTHEST:
            y = unsafe_mul(d1, d1) >> 1
            r = y % LN2 >> 32
            # least * exp(-d1^2 / 2), Q112
            y = unsafe_mul(
                least,
                unsafe_sub(DECAY_0, unsafe_mul(r, unsafe_sub(DECAY_1, unsafe_mul(r, unsafe_sub(DECAY_2, unsafe_mul(r,
                    unsafe_sub(DECAY_3, unsafe_mul(r, unsafe_sub(DECAY_4, unsafe_mul(r, unsafe_sub(DECAY_5, unsafe_mul(r, DECAY_6
                )))))))))))) >> 168,
            ) >> unsafe_div(y, LN2)
            # R(d1), then R(d2), Q40
            r = unsafe_div(
                unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                    TOP_4, d1), TOP_3), d1), TOP_2), d1), TOP_1), d1), TOP_0) << 72,
                unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                    BOTTOM_5, d1), BOTTOM_4), d1), BOTTOM_3), d1), BOTTOM_2), d1), BOTTOM_1), d1), BOTTOM_0),
            )
            d2 = unsafe_add(q, h)
            s = unsafe_div(
                unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                    TOP_4, d2), TOP_3), d2), TOP_2), d2), TOP_1), d2), TOP_0) << 72,
                unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                    BOTTOM_5, d2), BOTTOM_4), d2), BOTTOM_3), d2), BOTTOM_2), d2), BOTTOM_1), d2), BOTTOM_0),
            )
            if q < h:
                price = unsafe_sub(unsafe_add(price, least), unsafe_mul(y, unsafe_add(r, s)) >> 104)
            elif s < r:
                price = unsafe_add(price, unsafe_mul(y, unsafe_sub(r, s)) >> 104)
        elif q < h:
            price = unsafe_add(price, least)

        r = unsafe_add(price, bias) >> narrow
        if r > LANE_MAX:
            r = LANE_MAX if r >> 200 == 0 else 0
        word |= r << place

        if left != 0:
            left = unsafe_sub(left, 1)
            f = unsafe_mul(f, factor) >> 64
            c = unsafe_sub(c, c_step)
            place = unsafe_add(place, stride)
        elif i == 0:
            # as it is now -> volatility down, spot unmoved
            now = price
            bias = unsafe_sub(LANE_ZERO << narrow, price)
            h = unsafe_mul(deviation, unsafe_sub(65536, scan.shock)) >> 16
            c_step = unsafe_div(step, convert(h, int256))
            c = unsafe_div(moneyness, convert(h, int256))
            h = h >> 1
            place = 140
        elif i == 1:
            # -> five sixths of the scan inwards
            f = unsafe_mul(unsafe_mul(unsafe_mul(forward, back) >> 64, back) >> 64, inwards) >> 64
            c = unsafe_add(c, unsafe_mul(5, c_step) >> 1)
            place = nearest
            left = 2
        elif i == 4:
            # -> past the lane of the spot unmoved, a sixth outwards
            f = unsafe_mul(f, factor) >> 64
            c = unsafe_sub(c, c_step)
            place = unsafe_add(place, unsafe_mul(2, stride))
            left = 2
        elif i == 7:
            # -> volatility up, the whole scan inwards
            h = unsafe_mul(deviation, unsafe_add(65536, scan.shock)) >> 16
            c_step = unsafe_div(step, convert(h, int256))
            c = unsafe_div(unsafe_add(moneyness, unsafe_mul(3, step)), convert(h, int256))
            h = h >> 1
            f = unsafe_mul(unsafe_mul(unsafe_mul(forward, back) >> 64, back) >> 64, back) >> 64
            place = first
            left = 6
        elif i == 14:
            # -> twice the scan outwards
            worst = price
            if parity:
                worst = self._out_of_the_money(price, f, strike, downwards)
            place = NOWHERE
            f = unsafe_mul(unsafe_mul(unsafe_mul(f, factor) >> 64, factor) >> 64, factor) >> 64
            c = unsafe_sub(c, unsafe_mul(3, c_step))

    otm: uint256 = now
    if parity:
        otm = self._out_of_the_money(now, forward, strike, downwards)
        price = self._out_of_the_money(price, f, strike, downwards)
    intrinsic: uint256 = 0
    if is_put:
        if strike > ONE:
            intrinsic = unsafe_sub(strike, ONE)
    elif strike < ONE:
        intrinsic = unsafe_sub(ONE, strike)
    return (
        word
        | (self._mark(now, intrinsic) << MARK_PLACE)
        | (self._short_code(otm, worst, price, scan) << SHORT_PLACE)
        | (self._long_code(deviation, scan) << LONG_PLACE)
    )


@internal
@pure
def _out_of_the_money(price: uint256, forward: uint256, strike: uint256, is_call: bool) -> uint256:
    """
    @notice From the price of a call that of the put, or the other way round, never below zero (put-call parity).
    """
    if is_call:
        return unsafe_sub(max(unsafe_add(price, strike), forward), forward)
    return unsafe_sub(max(unsafe_add(price, forward), strike), strike)


@internal
@pure
def _forward_array(forward: uint256, scan: Scan) -> uint256:
    """
    @notice A dated forward gains what its forward does; volatility is nothing to it, and it bears no codes.
    """
    narrow: uint256 = unsafe_sub(48, scan.lane_bits)
    bias: uint256 = unsafe_sub(LANE_ZERO << narrow, forward)
    up: uint256 = unsafe_mul(scan.rise, scan.rise) >> 64
    down: uint256 = unsafe_mul(scan.fall, scan.fall) >> 64
    word: uint256 = (LANE_ZERO << 42) | (LANE_ZERO << 140) | (self._mark(forward, ONE) << MARK_PLACE)
    # outwards from the middle of each row: thirds beside lane 3, then a sixth, a half and five sixths beside lane 10
    higher: uint256 = forward
    lower: uint256 = forward
    above: uint256 = unsafe_mul(forward, scan.rise) >> 64
    below: uint256 = unsafe_mul(forward, scan.fall) >> 64
    offset: uint256 = 14
    for i: uint256 in range(3):
        higher = unsafe_mul(higher, up) >> 64
        lower = unsafe_mul(lower, down) >> 64
        word |= self._lane(unsafe_add(higher, bias) >> narrow) << unsafe_add(42, offset)
        word |= self._lane(unsafe_add(lower, bias) >> narrow) << unsafe_sub(42, offset)
        word |= self._lane(unsafe_add(above, bias) >> narrow) << unsafe_add(140, offset)
        word |= self._lane(unsafe_add(below, bias) >> narrow) << unsafe_sub(140, offset)
        above = unsafe_mul(above, up) >> 64
        below = unsafe_mul(below, down) >> 64
        offset = unsafe_add(offset, 14)
    return word


@internal
@pure
def _lane(units: uint256) -> uint256:
    """
    @notice Lane units modulo 2**256, saturated: what is negative is huge.
    """
    if units > LANE_MAX:
        return LANE_MAX if units >> 200 == 0 else 0
    return units


@internal
@pure
def _mark(price: uint256, intrinsic: uint256) -> uint256:
    """
    @notice 2**27 + floor((price - intrinsic) * 2**24).
    """
    mark: uint256 = unsafe_sub(unsafe_add(price, MARK_ZERO << 24), intrinsic) >> 24
    assert mark < MARK_END, "mark"
    return mark


@internal
@pure
def _short_code(now: uint256, worst: uint256, extreme: uint256, scan: Scan) -> uint256:
    """
    @notice What a short is charged beside the lanes, in sixtieths of the full scan, rounded up, at most 63: the larger of a fifteenth
            of the scan in use, and of a third of the loss at twice that scan less the whole loss at its own worst node.
    @param now, worst, extreme Prices, Q48: as it is, at that node and at twice the scan.
    """
    # 15 times the charge, Q48. The prices' errors count against the short: those of one loss 5 times, of the other 15 times.
    third: uint256 = unsafe_mul(5, unsafe_add(unsafe_sub(extreme, min(extreme, now)), 16 * PRICE_ERROR))
    covered: uint256 = unsafe_mul(15, unsafe_sub(worst, min(worst, now)))
    charge: uint256 = unsafe_mul(3, scan.step)
    if covered < third:
        charge = max(charge, unsafe_sub(third, covered) << 16)
    return min(unsafe_div(unsafe_add(unsafe_mul(4, charge), unsafe_sub(scan.full, 1)), scan.full), CODE_MAX)


@internal
@pure
def _long_code(deviation: uint256, scan: Scan) -> uint256:
    """
    @notice What a long is charged beside the lanes, in 1/63 of a 24th of the full scan, rounded up: min(h / 4, h^2 / (20 deviation)) with
            h = step / 2, what an option can lose between two nodes.
    """
    steps: uint256 = unsafe_mul(189, scan.step)
    if unsafe_mul(10, deviation) << 32 <= scan.step:
        return unsafe_div(unsafe_add(steps, unsafe_sub(scan.full, 1)), scan.full)
    whole: uint256 = unsafe_mul(unsafe_mul(10, deviation) << 32, scan.full)
    return unsafe_div(unsafe_add(unsafe_mul(steps, scan.step), unsafe_sub(whole, 1)), whole)


@internal
@pure
def _forward(parameters: uint256) -> uint256:
    """
    @notice The expiry's forward as a part of the spot, Q48, rounded down; taken as 1/2 or 2 where it is beyond.
    @param parameters The ratio in 1e-9 in the 37 bits from bit 185.
    """
    return min(max(unsafe_div((parameters >> 185 & (2**FIELD - 1)) << 48, 10**9), LEAST_FORWARD), MOST_FORWARD)


@internal
@pure
def _deviation(parameters: uint256, x: int256) -> uint256:
    """
    @notice sqrt(a + b * (rho * (x - m) + sqrt((x - m)^2 + sigma^2))), Q32, rounded down, from 2**-20 to just below 4 whatever the parameters.
    @dev Raw SVI (Gatheral, 2004). A total variance that is not above zero is taken as the least, so that a refresh never reverts.
    @param parameters From bit 0: a, b, rho, m, sigma, 37 bits each, two's complement of 1e-9; a and b as of the snapshot's time to expiry.
    @param x ln(strike / forward), Q64, within 2**68.
    """
    # distances in 1e-9, Q32; variance in 1e-27, Q32
    d: int256 = unsafe_sub(unsafe_mul(x, NANO) >> 32, convert(convert(parameters << 108, bytes32), int256) >> 219 << 32)
    sigma: int256 = convert(convert(parameters << 71, bytes32), int256) >> 219 << 32
    root: uint256 = isqrt(convert(unsafe_add(unsafe_mul(d, d), unsafe_mul(sigma, sigma)), uint256))
    tilt: int256 = unsafe_mul(convert(convert(parameters << 145, bytes32), int256) >> 219, d)
    variance: int256 = unsafe_add(
        unsafe_mul(convert(convert(parameters << 219, bytes32), int256) >> 219, NANO * NANO * 2**32),
        unsafe_mul(
            convert(convert(parameters << 182, bytes32), int256) >> 219,
            unsafe_add(tilt, unsafe_mul(NANO, convert(root, int256))),
        ),
    )
    if variance <= 0:
        return LEAST_DEVIATION
    return min(max(isqrt(unsafe_div(convert(variance, uint256) << 32, 10**27)), LEAST_DEVIATION), MOST_DEVIATION)


@internal
@pure
def _tenor_shock(shock: uint256, seconds_left: uint256) -> uint256:
    """
    @notice shock * (30 days / time to expiry)^0.3, the factor from 1/2 to 2, Q16, rounded down, at most 59,999: volatility of the near
            moves more than that of the far.
    @param shock Relative move of volatility at 30 days, Q16, below 2**64.
    """
    time: uint256 = min(max(seconds_left, LEAST_TENOR), MOST_TENOR)
    ratio: uint256 = 0
    if time < REFERENCE_TENOR:
        ratio = unsafe_div(REFERENCE_TENOR << 96, time)
    else:
        ratio = unsafe_div(time << 96, REFERENCE_TENOR)
    # exp(0.15 ln(ratio)), squared
    factor: uint256 = black76._exp_small(unsafe_div(unsafe_mul(3, black76._ln(ratio) >> 32), 20))
    factor = min(unsafe_mul(factor, factor) >> 64, 2 * ONE_Q64)
    if time < REFERENCE_TENOR:
        return min(unsafe_mul(shock, factor) >> 64, MOST_SHOCK)
    return min(unsafe_div(shock << 64, factor), MOST_SHOCK)
