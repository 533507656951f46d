# pragma version 0.4.3
"""
@title Volatility surfaces: raw SVI per expiry, free of arbitrage at the nodes
@license MIT
@notice w(k) = a + b * (rho * (k - m) + sqrt((k - m)^2 + sigma^2)) is the total variance at k = ln(strike / forward) (Gatheral, 2004).
        A surface is taken whole or not at all: no negative variance, Durrleman's g >= 0 (no butterfly arbitrage), and no later expiry
        below an earlier one (no calendar arbitrage), at nine nodes of each expiry, -4 to 4 deviations.
@dev A slice is stored in one word, `observed_at 32 | flag 1 free | forward_ratio 37 | sigma 37 | m 37 | rho 37 | b 37 | a 37` bits from
     the top; it belongs to the surface whose time it carries. In memory all is wad.
"""

from ..interfaces import IOracle
from . import feed_terms


WAD: constant(int256) = 10**18
UNIT: constant(int256) = 10**9              # a stored parameter is in 1e-9
FIELD: constant(uint256) = 37
FIELD_MASK: constant(uint256) = 2**37 - 1
PARAMETERS_MASK: constant(uint256) = 2**222 - 1
TIME_MASK: constant(uint256) = 2**32 - 1
NODES: constant(uint256) = 9


struct Curve:
    a: int256
    b: int256
    rho: int256
    m: int256
    sigma: int256
    deviation: int256       # sqrt(w(0))
    nodes: int256[NODES]    # w at -4 to 4 deviations


struct Header:
    observed_at: uint256
    candidate_at: uint256   # zero without one
    count: uint256          # slices of the candidate
    move: int256            # of the candidate: its largest relative move of at-the-money variance, in 1e-6, signed


headers: HashMap[bytes32, uint256]      # observed_at 32 | candidate_at 32 << 32 | count 8 << 64 | move (two's complement) 128 << 128
slices: HashMap[bytes32, HashMap[uint256, uint256]]
candidate_slices: HashMap[bytes32, HashMap[uint256, uint256]]


@internal
def _take(feed: bytes32, observed_at: uint256, packed: DynArray[uint256, 16]):
    feed_terms._assert_timely(feed, observed_at)
    assert len(packed) != 0, "items"
    header: Header = self._header(feed)
    assert observed_at > max(header.observed_at, header.candidate_at), "old"
    move: int256 = self._assert_sound(feed, observed_at, packed, header.observed_at)
    expiries: DynArray[uint256, 16] = []
    for word: uint256 in packed:
        expiries.append(word >> 222)
    confirm_older: bool = False
    if self._jumps(feed, move, observed_at - header.observed_at) and header.observed_at != 0:
        if not self._seconds(feed, header, observed_at, move, expiries):
            for word: uint256 in packed:
                self.candidate_slices[feed][word >> 222] = (word & PARAMETERS_MASK) | (observed_at << 224)
            self._set_header(feed, Header(observed_at=header.observed_at, candidate_at=observed_at, count=len(packed), move=move))
            log IOracle.SurfaceCandidateOpened(feed=feed, observed_at=observed_at, move=move)
            return
        confirm_older = abs(header.move) < abs(move)
    for word: uint256 in packed:
        expiry: uint256 = word >> 222
        parameters: uint256 = word
        if confirm_older:
            parameters = self.candidate_slices[feed][expiry]
        self.slices[feed][expiry] = (parameters & PARAMETERS_MASK) | (observed_at << 224)
    self._set_header(feed, Header(observed_at=observed_at, candidate_at=0, count=0, move=0))
    log IOracle.SurfaceUpdated(feed=feed, observed_at=observed_at, expiries=expiries)


@internal
@view
def _seconds(feed: bytes32, header: Header, observed_at: uint256, move: int256, expiries: DynArray[uint256, 16]) -> bool:
    """
    @notice Whether this round confirms the candidate: in time, the same side, the same expiries.
    """
    if header.candidate_at == 0 or observed_at - header.candidate_at > feed_terms._max_age(feed):
        return False
    if (header.move > 0) != (move > 0) or header.count != len(expiries):
        return False
    for expiry: uint256 in expiries:
        if self.candidate_slices[feed][expiry] >> 224 != header.candidate_at:
            return False
    return True


@internal
@pure
def _jumps(feed: bytes32, move: int256, elapsed: uint256) -> bool:
    return feed_terms._beyond(feed, convert(10**6 + abs(move), uint256), 10**6, elapsed)


@internal
@view
def _assert_sound(feed: bytes32, observed_at: uint256, packed: DynArray[uint256, 16], confirmed_at: uint256) -> int256:
    """
    @notice Every slice by itself and beside its neighbour. Returns the largest relative move of at-the-money variance, signed, in 1e-6.
    """
    largest: int256 = 0
    previous: Curve = empty(Curve)
    last_expiry: uint256 = observed_at
    for word: uint256 in packed:
        expiry: uint256 = word >> 222
        assert expiry > last_expiry, "ascending"
        curve: Curve = self._curve(word)
        forward_ratio: int256 = self._field(word, 5)
        assert curve.b >= 0 and curve.sigma > 0 and abs(curve.rho) < WAD and forward_ratio > 0, "surface"
        assert curve.b * (WAD + abs(curve.rho)) <= 2 * WAD * WAD, "butterfly"
        lowest: int256 = curve.a + curve.b * self._root(WAD * WAD - curve.rho * curve.rho) // WAD * curve.sigma // WAD
        assert lowest > 0, "variance"
        curve.deviation = self._root(self._total_variance(curve, 0) * WAD)
        curve.nodes = self._assert_no_butterfly(curve)
        if last_expiry != observed_at:
            self._assert_no_calendar(previous, curve)
        stored: uint256 = self.slices[feed][expiry]
        if stored >> 224 == confirmed_at and confirmed_at != 0:
            # The same expiry, so the ratio of total variances is that of variances: time to expiry has hardly passed.
            before: int256 = self._total_variance(self._curve(stored), 0) * WAD // convert(expiry - confirmed_at, int256)
            now: int256 = self._total_variance(curve, 0) * WAD // convert(expiry - observed_at, int256)
            move: int256 = (now - before) * 10**6 // before
            if abs(move) > abs(largest):
                largest = move
        previous = curve
        last_expiry = expiry
    return largest


@internal
@pure
def _assert_no_butterfly(curve: Curve) -> int256[NODES]:
    """
    @notice Durrleman's condition: g = (1 - k w' / 2w)^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2 >= 0 (Gatheral and Jacquier, 2014).
            Returns w at the nodes.
    """
    nodes: int256[NODES] = empty(int256[NODES])
    k: int256 = -4 * curve.deviation
    for node: uint256 in range(NODES):
        x: int256 = k - curve.m
        root: int256 = self._root(x * x + curve.sigma * curve.sigma)
        w: int256 = curve.a + curve.b * (curve.rho * x // WAD + root) // WAD
        assert w > 0, "variance"
        first: int256 = curve.b * (curve.rho + x * WAD // root) // WAD
        second: int256 = curve.b * (curve.sigma * curve.sigma // root * WAD // root) // root
        slope: int256 = WAD - k * first // (2 * w)
        g: int256 = slope * slope // WAD - first * first // 4 // w - first * first // WAD // 16 + second // 2
        assert g >= 0, "butterfly"
        nodes[node] = w
        k += curve.deviation
    return nodes


@internal
@pure
def _assert_no_calendar(earlier: Curve, later: Curve):
    """
    @notice At the nodes of both.
    """
    k: int256 = -4 * earlier.deviation
    for node: uint256 in range(NODES):
        assert self._total_variance(later, k) >= earlier.nodes[node], "calendar"
        k += earlier.deviation
    k = -4 * later.deviation
    for node: uint256 in range(NODES):
        assert later.nodes[node] >= self._total_variance(earlier, k), "calendar"
        k += later.deviation


@internal
@pure
def _total_variance(curve: Curve, k: int256) -> int256:
    x: int256 = k - curve.m
    return curve.a + curve.b * (curve.rho * x // WAD + self._root(x * x + curve.sigma * curve.sigma)) // WAD


@internal
@pure
def _root(square: int256) -> int256:
    return convert(isqrt(convert(square, uint256)), int256)


@internal
@pure
def _field(word: uint256, index: uint256) -> int256:
    """
    @notice A signed parameter of 37 bits, in wad.
    """
    field: uint256 = (word >> (FIELD * index)) & FIELD_MASK
    value: int256 = convert(field, int256)
    if field >> 36 != 0:
        value -= 2**37
    return value * UNIT


@internal
@pure
def _curve(word: uint256) -> Curve:
    return Curve(
        a=self._field(word, 0),
        b=self._field(word, 1),
        rho=self._field(word, 2),
        m=self._field(word, 3),
        sigma=self._field(word, 4),
        deviation=0,
        nodes=empty(int256[NODES]),
    )


@internal
@view
def _header(feed: bytes32) -> Header:
    word: uint256 = self.headers[feed]
    return Header(
        observed_at=word & TIME_MASK,
        candidate_at=(word >> 32) & TIME_MASK,
        count=(word >> 64) & 255,
        move=convert(convert(word, bytes32), int256) >> 128,
    )


@internal
def _set_header(feed: bytes32, header: Header):
    self.headers[feed] = (
        header.observed_at | (header.candidate_at << 32) | (header.count << 64) | (convert(convert(header.move, bytes32), uint256) << 128)
    )


@internal
@view
def _slice(word: uint256, observed_at: uint256) -> IOracle.Slice:
    if observed_at == 0 or word >> 224 != observed_at:
        return empty(IOracle.Slice)
    return IOracle.Slice(
        a=self._field(word, 0) // UNIT,
        b=self._field(word, 1) // UNIT,
        rho=self._field(word, 2) // UNIT,
        m=self._field(word, 3) // UNIT,
        sigma=self._field(word, 4) // UNIT,
        forward_ratio=self._field(word, 5) // UNIT,
        observed_at=observed_at,
    )


@external
@view
def surface_slice(feed: bytes32, expiry: uint256) -> (IOracle.Slice, IOracle.Slice):
    header: Header = self._header(feed)
    candidate_at: uint256 = header.candidate_at
    if block.timestamp > candidate_at + feed_terms._max_age(feed):
        candidate_at = 0
    return (
        self._slice(self.slices[feed][expiry], header.observed_at),
        self._slice(self.candidate_slices[feed][expiry], candidate_at),
    )
