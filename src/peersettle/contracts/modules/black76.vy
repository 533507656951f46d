# pragma version 0.4.3
"""
@title Black-76 by integers: logarithm, Mills' ratio and the price of an option
@license MIT
@notice Prices are undiscounted and in the unit of forward and strike, whatever that is. A deviation is volatility times the square
        root of the time in years, Q96. `peersettle.spec.black76` is the same arithmetic, bit for bit.
@dev Source: F. Black, "The pricing of commodity contracts", 1976. With R(z) = N(-z) exp(z^2 / 2), which is Mills' ratio over sqrt(2 pi), and
     F phi(d1) = K phi(d2), an option that is out of the money is worth min(F, K) exp(-d1^2 / 2) (R(-d1) - R(-d2)): one
     exponential serves both normal distributions, and R is a ratio of polynomials. `tools/fit_black76.py` computes the coefficients.
     Nothing here can overflow within the stated bounds, so arithmetic is unchecked.
"""

YEAR: constant(uint256) = 365 * 86400
WAD: constant(uint256) = 10**18
ONE: constant(uint256) = 2**96
LN2: constant(uint256) = 54916777467707473351141471128          # Q96
SQRT2: constant(uint256) = 112045541949572279837463876455       # Q96
FURTHEST: constant(uint256) = 13 * 2**96                        # exp(-13^2 / 2) is 2**-122
ONE_Q64: constant(uint256) = 2**64

# 2 atanh(u) / u in the square of u, Q96
LOG_0: constant(uint256) = 158456325028528702264823706510
LOG_1: constant(uint256) = 52818775009419437418139992507
LOG_2: constant(uint256) = 31691265054622482263372612229
LOG_3: constant(uint256) = 22636607917829743575697099488
LOG_4: constant(uint256) = 17607218839558652537656218543
LOG_5: constant(uint256) = 14357675661891614706576672509
LOG_6: constant(uint256) = 13340168605169970281300806668

# R(z): numerator and denominator, Q96
MILLS_TOP_0: constant(uint256) = 39614081257132086979585602332
MILLS_TOP_1: constant(uint256) = 48495435649011496574843811883
MILLS_TOP_2: constant(uint256) = 29485133119277234446913593674
MILLS_TOP_3: constant(uint256) = 11064029840897302637835982833
MILLS_TOP_4: constant(uint256) = 2731201965415885729690921460
MILLS_TOP_5: constant(uint256) = 441731109451607576430151438
MILLS_TOP_6: constant(uint256) = 43474548829227979311081531
MILLS_TOP_7: constant(uint256) = 2030719093673215879438208
MILLS_BOTTOM_0: constant(uint256) = 79228162514264337593543950336
MILLS_BOTTOM_1: constant(uint256) = 160205798948908524228360945277
MILLS_BOTTOM_2: constant(uint256) = 147181918514565353314842655216
MILLS_BOTTOM_3: constant(uint256) = 80530983162003278366260266913
MILLS_BOTTOM_4: constant(uint256) = 28830930378635124870036024419
MILLS_BOTTOM_5: constant(uint256) = 6955055152369812615615060736
MILLS_BOTTOM_6: constant(uint256) = 1112347145227951958871755601
MILLS_BOTTOM_7: constant(uint256) = 108974500381289119532291009
MILLS_BOTTOM_8: constant(uint256) = 5090258325106870615860940


@internal
@pure
def _price(is_put: bool, forward: uint256, strike: uint256, deviation: uint256) -> uint256:
    """
    @notice The price of an option, in the unit of forward and strike; off by 2e-15 of the smaller of them and two of its units where the
            deviation is below 12.
    @param forward, strike Below 2**120, not zero, and neither as much as 2**32 times the other.
    @param deviation Volatility times the square root of the time, Q96, below 2**128. At zero the price is intrinsic.
    """
    least: uint256 = forward
    most: uint256 = strike
    intrinsic: uint256 = 0
    if forward < strike:
        if is_put:
            intrinsic = unsafe_sub(strike, forward)
    else:
        least = strike
        most = forward
        if not is_put:
            intrinsic = unsafe_sub(forward, strike)
    if deviation == 0:
        return intrinsic
    # |d1| and |d2| of the option that is out of the money: d2 is never positive, d1 is not where `is_far`
    distance: uint256 = unsafe_div(self._ln(unsafe_div(most << 96, least)) << 96, deviation)
    half: uint256 = deviation >> 1
    is_far: bool = distance >= half
    d1: uint256 = 0
    if is_far:
        d1 = unsafe_sub(distance, half)
    else:
        d1 = unsafe_sub(half, distance)
    if d1 > FURTHEST:
        if is_far:
            return intrinsic
        return unsafe_add(intrinsic, least)
    # Below 20, since distance * half = ln(most / least) / 2 < 11.1 bounds the smaller of the two.
    d2: uint256 = unsafe_add(distance, half)
    # exp(-d1^2 / 2) = density * 2**-halvings: the (6, 6) Pade form of exp(x), |x| <= ln(2) / 2
    exponent: uint256 = unsafe_mul(d1, d1) >> 97
    halvings: uint256 = unsafe_div(unsafe_add(exponent, LN2 >> 1), LN2)
    x: int256 = unsafe_sub(convert(unsafe_mul(halvings, LN2), int256), convert(exponent, int256))
    square: int256 = unsafe_mul(x, x) >> 96
    even: int256 = unsafe_add(
        unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(square, 840 * 2**96), square) >> 96, 75600 * 2**96), square) >> 96, 665280 * 2**96
    )
    odd: int256 = unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(square, 42), 10080 * 2**96), square) >> 96, 332640 * 2**96), x) >> 96
    density: uint256 = unsafe_div(convert(unsafe_add(even, odd), uint256) << 96, convert(unsafe_sub(even, odd), uint256))
    if is_far:
        tail: uint256 = unsafe_mul(density, unsafe_sub(self._mills(d1), self._mills(d2))) >> 96
        return unsafe_add(intrinsic, unsafe_mul(least, tail) >> unsafe_add(96, halvings))
    tails: uint256 = unsafe_mul(density, unsafe_add(self._mills(d1), self._mills(d2))) >> 96
    return unsafe_sub(unsafe_add(intrinsic, least), unsafe_mul(least, tails) >> unsafe_add(96, halvings))


@internal
@pure
def _deviation_over(volatility: uint256, time: uint256) -> uint256:
    """
    @notice Volatility times the square root of the time in years of 365 days, Q96, rounded down.
    @param volatility Wad: 10**18 is 100 %, below 2**67.
    @param time Seconds, below 2**30.
    """
    return unsafe_div(isqrt(unsafe_div(unsafe_mul(unsafe_mul(volatility, volatility), time) << 64, YEAR)) << 64, WAD)


@internal
@pure
def _ln(ratio: uint256) -> uint256:
    """
    @notice The natural logarithm of a Q96 number from 1 to below 2**32, Q96; off by 1e-16 at most.
    """
    y: uint256 = ratio
    doublings: uint256 = 0
    if y >= ONE << 16:
        y = y >> 16
        doublings = 16
    if y >= ONE << 8:
        y = y >> 8
        doublings = unsafe_add(doublings, 8)
    if y >= ONE << 4:
        y = y >> 4
        doublings = unsafe_add(doublings, 4)
    if y >= ONE << 2:
        y = y >> 2
        doublings = unsafe_add(doublings, 2)
    if y >= ONE << 1:
        y = y >> 1
        doublings = unsafe_add(doublings, 1)
    # ln(y) = 2 atanh((y - 1) / (y + 1)) from below, ln(2) - 2 atanh((2 - y) / (2 + y)) from above
    is_low: bool = y < SQRT2
    u: uint256 = 0
    if is_low:
        u = unsafe_div(unsafe_sub(y, ONE) << 96, unsafe_add(y, ONE))
    else:
        u = unsafe_div(unsafe_sub(2 * ONE, y) << 96, unsafe_add(y, 2 * ONE))
    square: uint256 = unsafe_mul(u, u) >> 96
    part: uint256 = unsafe_mul(
        u,
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                LOG_6,
            square) >> 96, LOG_5), square) >> 96, LOG_4),
        square) >> 96, LOG_3), square) >> 96, LOG_2), square) >> 96, LOG_1), square) >> 96, LOG_0),
    ) >> 96
    if is_low:
        return unsafe_add(unsafe_mul(doublings, LN2), part)
    return unsafe_sub(unsafe_mul(unsafe_add(doublings, 1), LN2), part)


@internal
@pure
def _mills(z: uint256) -> uint256:
    """
    @notice R(z) = N(-z) exp(z^2 / 2) of a Q96 number from 0 to 40, Q96; relative error 3e-15 up to 9.5, 1e-8 beyond.
    """
    return unsafe_div(
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                MILLS_TOP_7,
            z) >> 96, MILLS_TOP_6), z) >> 96, MILLS_TOP_5), z) >> 96, MILLS_TOP_4),
        z) >> 96, MILLS_TOP_3), z) >> 96, MILLS_TOP_2), z) >> 96, MILLS_TOP_1), z) >> 96, MILLS_TOP_0) << 96,
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
                MILLS_BOTTOM_8,
            z) >> 96, MILLS_BOTTOM_7), z) >> 96, MILLS_BOTTOM_6), z) >> 96, MILLS_BOTTOM_5), z) >> 96, MILLS_BOTTOM_4),
        z) >> 96, MILLS_BOTTOM_3), z) >> 96, MILLS_BOTTOM_2), z) >> 96, MILLS_BOTTOM_1), z) >> 96, MILLS_BOTTOM_0),
    )


@internal
@pure
def _exp_small(x: uint256) -> uint256:
    """
    @notice exp of a Q64 number from 0 to 0.36, Q64, by the (3, 3) Pade form; relative error x^7 / 100,800, below 8e-9.
    """
    square: uint256 = unsafe_mul(x, x) >> 64
    even: uint256 = unsafe_add(unsafe_mul(12, square), 120 * ONE_Q64)
    odd: uint256 = unsafe_mul(x, unsafe_add(square, 60 * ONE_Q64)) >> 64
    return unsafe_div(unsafe_add(even, odd) << 64, unsafe_sub(even, odd))
