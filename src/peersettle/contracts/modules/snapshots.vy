# pragma version 0.4.3
"""
@title Epochs: one snapshot of a market, and the arrays computed from it
@license MIT
@notice An epoch begins when spot has left the band, when its age is over, or when a newer surface is met. It keeps the reference price, the
        time, the parameters, and of each expiry that is asked for the surface and forward, scaled to the time that is left.
@dev Layouts, from bit 0:
     state  = epoch 20 | reference 88 | started 32 | spot_age 14 | epoch_age 12 | band 12 | scan 16 | basis 12 | initial_factor 12
              | position_charge 20 | 14 - lane bits 1 | tick exponent 5 | lot exponent 5 | shock 7 (rounded up to 1/256)
     ones   = 14 lanes of one unit of the underlying, 14 bits each | gain cap 31
     limits = surface time 32 | open risk 56 (1e-4) | risk_rate 16 | risk_scale 40 | surface_age 16
     Most margin checks read the first alone. The parameters are those of the epoch; Parameters keeps them within these widths.
     slice  = raw SVI a 37 | b 37 | rho 37 | m 37 | sigma 37 | forward ratio 37 (all 1e-9) | epoch 20 | weight 14
     array  = 14 lanes of 14 bits | mark 28 | short code 6 | long code 6 | epoch 20
     The weight of a slice is how much of the scan reaches its underlying, Q14; zero stands for all of it. It is less in the last 30
     minutes, when the underlying is an average of which a part is known.
"""

from ..interfaces import IAuction
from ..interfaces import IBackstop
from ..interfaces import IOracle
from ..interfaces import IParameters
from ..interfaces import IRisk
from . import black76
from . import calendar
from . import risk_arrays

EPOCH_MASK: constant(uint256) = 2**20 - 1
VALUE_MASK: constant(uint256) = 2**88 - 1
TIME_MASK: constant(uint256) = 2**32 - 1
SERIES_END: constant(uint256) = 16_383 << 22     # the last day is no expiry
OPEN_RISK_MASK: constant(uint256) = (2**56 - 1) << 32
MOST_GAIN: constant(uint256) = 2**31 - 1
# where the state has what
SPOT_AGE: constant(uint256) = 140
EPOCH_AGE: constant(uint256) = 154
BAND: constant(uint256) = 166
SCAN: constant(uint256) = 178
BASIS: constant(uint256) = 194
INITIAL_FACTOR: constant(uint256) = 206
POSITION_CHARGE: constant(uint256) = 218
COARSE: constant(uint256) = 238
TICK: constant(uint256) = 239
LOT: constant(uint256) = 244
SHOCK: constant(uint256) = 249
RISK_RATE: constant(uint256) = 88   # in the limits
RISK_SCALE: constant(uint256) = 104
SURFACE_AGE: constant(uint256) = 144
GAIN_CAP: constant(uint256) = 196   # in the ones
M12: constant(uint256) = 2**12 - 1
M14: constant(uint256) = 2**14 - 1
M16: constant(uint256) = 2**16 - 1
M20: constant(uint256) = 2**20 - 1
SLICE_MASK: constant(uint256) = 2**222 - 1
FIELD_MASK: constant(uint256) = 2**37 - 1
ONES_MASK: constant(uint256) = 2**196 - 1
UNIT: constant(uint256) = 10**9
FINE_SCAN: constant(uint256) = 16_384    # Q16: up to here a lane unit is 2**-14 of the reference, beyond it 2**-13
WINDOW_EPOCH_AGE: constant(uint256) = 60
CAPITAL_SHARE: constant(uint256) = 20    # a market's gains margin others with at most a 20th of the backstop

ORACLE: immutable(IOracle)
PARAMETERS: immutable(IParameters)
BACKSTOP: immutable(IBackstop)
AUCTION: immutable(IAuction)

states: uint256[64]                     # by market
ones: uint256[64]
limits: uint256[64]
spot_feeds: bytes32[64]
surface_feeds: bytes32[64]
slices: uint256[2**20]                  # market << 14 | day
arrays: uint256[2**63]                  # market << 36 | series; no hash to find one
doubted: bool[64]                       # by market: whether an account in run-off owes in it


@deploy
def __init__(oracle: IOracle, parameters: IParameters, backstop: IBackstop, auction: IAuction):
    ORACLE = oracle
    PARAMETERS = parameters
    BACKSTOP = backstop
    AUCTION = auction


@internal
@view
def _usable(reading: IOracle.Reading, state: uint256) -> bool:
    return reading.value != 0 and block.timestamp <= unsafe_add(reading.observed_at, (state >> SPOT_AGE) & M14)


@internal
@pure
def _is_due(price: uint256, state: uint256, age: uint256) -> bool:
    """
    @notice Whether an epoch of this age is over at this price: spot has left the band, or its time is up.
    """
    reference: uint256 = (state >> 20) & VALUE_MASK
    gap: uint256 = 0
    if price > reference:
        gap = unsafe_sub(price, reference)
    else:
        gap = unsafe_sub(reference, price)
    return gap > unsafe_mul(reference, (state >> BAND) & M12) >> 16 or age >= (state >> EPOCH_AGE) & M12


@internal
@view
def _spot(market: uint256) -> IOracle.Reading:
    return staticcall ORACLE.read(self.spot_feeds[market])


@external
def refresh(market: uint256, series: DynArray[uint256, 32]):
    assert market < 64, "market"
    state: uint256 = self.states[market]
    day: uint256 = max_value(uint256)
    if state == 0:
        state = self._begin(market)
    else:
        reading: IOracle.Reading = staticcall ORACLE.read(self.spot_feeds[market])
        if reading.value != 0 and block.timestamp <= unsafe_add(reading.observed_at, (state >> SPOT_AGE) & M14):
            age: uint256 = unsafe_sub(block.timestamp, (state >> 108) & TIME_MASK)
            due: bool = self._is_due(reading.value, state, age)
            for item: uint256 in series:
                if due:
                    break
                if item >> 22 != day:
                    day = item >> 22
                    if age >= WINDOW_EPOCH_AGE:
                        due = unsafe_add(block.timestamp, calendar.WINDOW) > calendar._expiry(day)
                    if (self.slices[(market << 14) | day] >> 222) & EPOCH_MASK != state & EPOCH_MASK:
                        due = due or self._has_newer_surface(market, day)
            if due:
                state = self._roll(market, reading.value)
    started: uint256 = (state >> 108) & TIME_MASK
    reference: uint256 = (state >> 20) & VALUE_MASK
    tick: uint256 = pow_mod256(10, (state >> TICK) & 31) << 48
    day = max_value(uint256)
    curve: uint256 = 0
    forward: uint256 = 0
    scan: risk_arrays.Scan = empty(risk_arrays.Scan)
    for item: uint256 in series:
        strike: uint256 = (item >> 2) & (2**20 - 1)
        assert item < SERIES_END and strike != 0 and item & 3 != 3, "series"
        if item >> 22 != day:
            day = item >> 22
            curve = self._slice(market, day, state)
            forward = risk_arrays._forward(curve)
            scan = self._scan(
                state,
                curve >> 242,
                risk_arrays._tenor_shock(state >> SHOCK << 8, unsafe_sub(calendar._expiry(day), started)),
            )
        self.arrays[(market << 36) | item] = (
            risk_arrays._array(item & 3, unsafe_div(unsafe_mul(strike, tick), reference), forward, curve, scan)
            | ((state & EPOCH_MASK) << 236)
        )


@internal
@view
def _has_newer_surface(market: uint256, day: uint256) -> bool:
    """
    @notice Whether an expiry is quoted on another surface than the epoch's.
    """
    surface_at: uint256 = self.limits[market] & TIME_MASK
    observed_at: uint256 = self._quoted(market, day).observed_at
    return surface_at != 0 and observed_at != 0 and surface_at != observed_at


@internal
def _begin(market: uint256) -> uint256:
    """
    @notice The first epoch of a market: what of it never changes is taken over.
    """
    listed: IParameters.Terms = staticcall PARAMETERS.terms(market)
    self.spot_feeds[market] = listed.spot_feed
    self.surface_feeds[market] = listed.surface_feed
    self.states[market] = (self._exponent(listed.tick) << TICK) | (self._exponent(listed.lot) << LOT)
    reading: IOracle.Reading = self._spot(market)
    spot_age: uint256 = (staticcall PARAMETERS.risk_parameters(market) >> 176) & 65_535
    assert self._usable(reading, spot_age << SPOT_AGE), "feed"
    return self._roll(market, reading.value)


@internal
def _roll(market: uint256, price: uint256) -> uint256:
    """
    @notice Begin an epoch: snapshot of price, time and parameters. Returns the new state.
    """
    before: uint256 = self.states[market]
    parameters: uint256 = staticcall PARAMETERS.risk_parameters(market)
    scan: uint256 = parameters & 65_535
    band: uint256 = (parameters >> 16) & 65_535
    coarse: uint256 = 0
    if scan + band > FINE_SCAN:
        coarse = 1
    epoch: uint256 = unsafe_add(before, 1) & EPOCH_MASK
    if epoch == 0:
        epoch = 1   # zero is the epoch of what was never computed
    state: uint256 = (
        epoch
        | (price << 20)
        | (block.timestamp << 108)
        | (((parameters >> 176) & M14) << SPOT_AGE)
        | (((parameters >> 208) & M12) << EPOCH_AGE)
        | (band << BAND)
        | (scan << SCAN)
        | (((parameters >> 48) & M12) << BASIS)
        | (((parameters >> 64) & M12) << INITIAL_FACTOR)
        | (((parameters >> 224) & M20) << POSITION_CHARGE)
        | (coarse << COARSE)
        | (before & (1023 << TICK))
        | ((unsafe_add((parameters >> 32) & M16, 255) >> 8) << SHOCK)
    )
    self.states[market] = state
    gain_cap: uint256 = min((parameters >> 136) & (2**40 - 1), MOST_GAIN)
    gain_cap = min(gain_cap, unsafe_div(staticcall BACKSTOP.capital(), CAPITAL_SHARE * 10**18))
    ones: uint256 = self.ones[market]
    lanes: uint256 = ones & ONES_MASK
    if ((before ^ state) >> BAND) & (2**28 - 1) != 0 or lanes == 0:
        lanes = risk_arrays._forward_array(risk_arrays.ONE, self._scan(state, 0, 0)) & ONES_MASK
    updated: uint256 = lanes | (gain_cap << GAIN_CAP)
    if updated != ones:
        self.ones[market] = updated
    self.limits[market] = (
        (self.limits[market] & OPEN_RISK_MASK)
        | (((parameters >> 80) & M16) << RISK_RATE)
        | (((parameters >> 96) & (2**40 - 1)) << RISK_SCALE)
        | (((parameters >> 192) & M16) << SURFACE_AGE)
    )
    log IRisk.Rolled(market=market, epoch=epoch, reference=price)
    return state


@internal
@view
def _parameters(market: uint256) -> uint256:
    """
    @notice The parameters in force, packed as in Parameters.
    """
    state: uint256 = self.states[market]
    ones: uint256 = self.ones[market]
    limits: uint256 = self.limits[market]
    return (
        ((state >> SCAN) & M16)
        | (((state >> BAND) & M12) << 16)
        | (state >> SHOCK << 40)
        | (((state >> BASIS) & M12) << 48)
        | (((state >> INITIAL_FACTOR) & M12) << 64)
        | (((limits >> RISK_RATE) & M16) << 80)
        | (((limits >> RISK_SCALE) & (2**40 - 1)) << 96)
        | ((ones >> GAIN_CAP) << 136)
        | (((state >> SPOT_AGE) & M14) << 176)
        | (((limits >> SURFACE_AGE) & M16) << 192)
        | (((state >> EPOCH_AGE) & M12) << 208)
        | (((state >> POSITION_CHARGE) & M20) << 224)
    )


@internal
@pure
def _exponent(power: uint256) -> uint256:
    exponent: uint256 = 0
    rest: uint256 = power
    for _: uint256 in range(32):
        if rest <= 1:
            break
        rest = rest // 10
        exponent += 1
    return exponent


@internal
@pure
def _scan(state: uint256, weight: uint256, shock: uint256) -> risk_arrays.Scan:
    """
    @notice The scenarios of one expiry: the scan, widened by the band that spot may be off the reference, as far as it reaches the underlying.
    """
    full: uint256 = unsafe_add((state >> SCAN) & M16, (state >> BAND) & M12) << 48
    used: uint256 = full
    if weight != 0:
        used = unsafe_mul(full, weight) >> 14
    return risk_arrays._scan_of(shock, unsafe_div(used, 3), full, unsafe_sub(14, (state >> COARSE) & 1))


@internal
def _slice(market: uint256, day: uint256, state: uint256) -> uint256:
    """
    @notice The snapshot of one expiry, taken when it is first asked for in an epoch.
    """
    curve: uint256 = self.slices[(market << 14) | day]
    if (curve >> 222) & EPOCH_MASK == state & EPOCH_MASK:
        return curve
    quoted: IOracle.Slice = self._quoted(market, day)
    limits: uint256 = self.limits[market]
    assert self._quote_usable(quoted, limits), "surface"
    started: uint256 = (state >> 108) & TIME_MASK
    expiry: uint256 = calendar._expiry(day)
    assert block.timestamp < expiry, "matured"
    left: uint256 = unsafe_sub(expiry, started)
    ratio: uint256 = convert(quoted.forward_ratio, uint256)
    numerator: uint256 = left
    denominator: uint256 = expiry - quoted.observed_at
    weight: uint256 = 0
    if left < calendar.WINDOW:
        # Of the average that will be the fixing, a part is known: the rest moves it less, and for a shorter time.
        reference: uint256 = (state >> 20) & VALUE_MASK
        known: uint256 = self._average(market, expiry - calendar.WINDOW, reference) * (calendar.WINDOW - left) * UNIT
        coming: uint256 = reference * ratio * left
        ratio = (known + coming) // (reference * calendar.WINDOW)
        weight = max(1, (coming << 14) // (known + coming + 1))
        numerator = left * left * left
        denominator *= 3 * calendar.WINDOW * calendar.WINDOW
    curve = (
        (self._scaled(quoted.a, numerator, denominator))
        | (self._scaled(quoted.b, numerator, denominator) << 37)
        | (self._field(quoted.rho) << 74)
        | (self._field(quoted.m) << 111)
        | (self._field(quoted.sigma) << 148)
        | ((ratio & FIELD_MASK) << 185)
        | ((state & EPOCH_MASK) << 222)
        | (weight << 242)
    )
    self.slices[(market << 14) | day] = curve
    if limits & TIME_MASK == 0:
        self.limits[market] = limits | quoted.observed_at
    return curve


@internal
@view
def _quoted(market: uint256, day: uint256) -> IOracle.Slice:
    confirmed: IOracle.Slice = empty(IOracle.Slice)
    candidate: IOracle.Slice = empty(IOracle.Slice)
    confirmed, candidate = staticcall ORACLE.surface_slice(self.surface_feeds[market], calendar._expiry(day))
    return confirmed


@internal
@view
def _quote_usable(quoted: IOracle.Slice, limits: uint256) -> bool:
    return quoted.observed_at != 0 and block.timestamp <= quoted.observed_at + ((limits >> SURFACE_AGE) & M16)


@internal
@view
def _average(market: uint256, start: uint256, otherwise: uint256) -> uint256:
    success: bool = False
    answer: Bytes[96] = b""
    success, answer = raw_call(
        ORACLE.address,
        abi_encode(self.spot_feeds[market], start, method_id=method_id("observed_since(bytes32,uint256)")),
        max_outsize=96,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 96:
        return otherwise
    total: uint256 = 0
    weight: uint256 = 0
    coverage: uint256 = 0
    total, weight, coverage = abi_decode(answer, (uint256, uint256, uint256))
    if weight == 0:
        return otherwise
    return total // weight


@internal
@pure
def _scaled(parameter: int256, numerator: uint256, denominator: uint256) -> uint256:
    return self._field(parameter * convert(numerator, int256) // convert(denominator, int256))


@internal
@pure
def _field(parameter: int256) -> uint256:
    return convert(convert(parameter, bytes32), uint256) & FIELD_MASK
