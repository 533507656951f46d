# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Parameters
@license MIT
@notice Which markets there are, and how much margin they ask for. A market's terms never change once it is listed. Its risk
        parameters do only after a public delay and within the bounds below, and what tightens comes in over the ramp.
@dev How do you stop this? Nobody can. It holds nothing and can touch no balance or position. The steward may announce a market or
     other risk parameters, and take an announcement back; after the delay anybody puts it in force, or it lapses.
     The bounds are not the steward's either: the worst that it can announce is written in LEAST and MOST.
"""

from .interfaces import IParameters

implements: IParameters

MIN_DELAY: constant(uint256) = 3600
MAX_DELAY: constant(uint256) = 30 * 86400
MIN_RAMP: constant(uint256) = 3600
MAX_RAMP: constant(uint256) = 14 * 86400
LAPSE: constant(uint256) = 14 * 86400   # after an announcement is ready

MAX_MARKETS: constant(uint256) = 64
MIN_LOT: constant(uint256) = 10**6
MAX_LOT: constant(uint256) = 10**24
MIN_TICK: constant(uint256) = 10**8
MAX_TICK: constant(uint256) = 10**21
MAX_DECIMALS: constant(uint256) = 18

# The fields of packed parameters, from bit 0:
#   scan 0.02 .. 0.50, band 0.001 .. 0.05, shock 0.05 .. 0.45, basis 0 .. 0.05, initial_factor 1.05 .. 3, risk_rate 0 .. 1,
#   risk_scale from 1000, gain_cap any, spot_age 30 s .. 4 h, surface_age 1 min .. 12 h, epoch_age 1 min .. 1 h,
#   position_charge 0 .. 100.
# Fractions are in 1/65536, rounded into these bounds, so that scan and band together never exceed 0.55.
BITS: constant(uint256[12]) = [16, 16, 16, 16, 16, 16, 40, 40, 16, 16, 16, 24]
LEAST: constant(uint256[12]) = [1311, 66, 3277, 0, 1050, 0, 1000, 0, 30, 60, 60, 0]
MOST: constant(uint256[12]) = [
    32768, 3276, 29491, 3276, 3000, 65535, 2**40 - 1, 2**40 - 1, 14400, 43200, 3600, 1_000_000
]
FIELDS: constant(uint256) = 2**248 - 1
# Where more is tighter: scan to risk_rate, position_charge; where less is: risk_scale to surface_age. An epoch's age is neither.
MORE_IS_TIGHTER: constant(uint256) = (2**96 - 1) | ((2**24 - 1) << 224)
LESS_IS_TIGHTER: constant(uint256) = (2**112 - 1) << 96
RAMPED: constant(uint256) = 1 << 248


struct Proposal:
    parameters: uint256
    ready_at: uint256


struct InForce:
    target: uint256     # the parameters, and RAMPED when `origin` and `ramped_at` count; zero when the market is not listed
    ramped_at: uint256
    origin: uint256     # what moves to the target until ramped_at; a field that does not is the target's already


STEWARD: immutable(address)
DELAY: immutable(uint256)
RAMP: immutable(uint256)

market_count: public(uint256)
proposal: public(HashMap[uint256, Proposal])
listed: HashMap[uint256, IParameters.Terms]     # under market_count: what is announced
in_force: HashMap[uint256, InForce]
collaterals: HashMap[address, uint256]          # scale | market; a scale leaves the low 8 bits to the market


@deploy
def __init__(steward: address, delay: uint256, ramp: uint256):
    """
    @param steward Who may announce, and nothing else; zero when nobody may.
    @param delay Seconds from an announcement to its activation.
    @param ramp Seconds that a field which tightens takes from activation to its new value.
    """
    assert delay >= MIN_DELAY and delay <= MAX_DELAY, "delay"
    assert ramp >= MIN_RAMP and ramp <= MAX_RAMP, "ramp"
    STEWARD = steward
    DELAY = delay
    RAMP = ramp


@external
@view
def steward() -> address:
    """
    @notice Who may announce, and take an announcement back, and nothing else; zero when nobody may.
    """
    return STEWARD


@external
@view
def delay() -> uint256:
    """
    @notice Seconds between an announcement and its activation.
    """
    return DELAY


@external
@view
def ramp() -> uint256:
    """
    @notice Seconds that a field which tightens takes from its activation to its new value.
    """
    return RAMP


@external
@view
def terms(market: uint256) -> IParameters.Terms:
    assert market < self.market_count, "market"
    return self.listed[market]


@external
@view
def proposed_terms() -> IParameters.Terms:
    """
    @notice The terms of the market that is announced; `proposal(market_count())` says since when and with which parameters.
    """
    market: uint256 = self.market_count
    assert self.proposal[market].ready_at != 0, "proposal"
    return self.listed[market]


@external
@view
def market_of(token: address) -> (uint256, uint256):
    collateral: uint256 = self.collaterals[token]
    assert collateral != 0, "collateral"
    return collateral & 255, collateral >> 8


@external
@view
def risk_parameters(market: uint256) -> uint256:
    target: uint256 = self.in_force[market].target
    assert target != 0, "market"
    return self._as_of_now(market, target)


@external
@view
def ramp_target(market: uint256) -> (uint256, uint256):
    """
    @notice The packed parameters that are in force or on their way, and when all of them are; that time may be past, and is zero
            when nothing has tightened.
    """
    target: uint256 = self.in_force[market].target
    assert target != 0, "market"
    return target & FIELDS, self.in_force[market].ramped_at


@external
def propose_market(terms: IParameters.Terms, parameters: uint256):
    assert msg.sender == STEWARD, "steward"
    market: uint256 = self.market_count
    assert market < MAX_MARKETS, "full"
    self._assert_terms(terms)
    assert self.collaterals[terms.token] == 0, "collateral"
    self.listed[market] = terms
    ready_at: uint256 = self._propose(market, parameters)
    log IParameters.MarketProposed(market=market, terms=terms, parameters=parameters, ready_at=ready_at)


@external
def propose_parameters(market: uint256, parameters: uint256):
    assert msg.sender == STEWARD, "steward"
    assert market < self.market_count, "market"
    ready_at: uint256 = self._propose(market, parameters)
    log IParameters.ParametersProposed(market=market, parameters=parameters, ready_at=ready_at)


@external
def withdraw_proposal(market: uint256):
    assert msg.sender == STEWARD, "steward"
    assert self.proposal[market].ready_at != 0, "proposal"
    self.proposal[market] = empty(Proposal)
    log IParameters.ProposalWithdrawn(market=market)


@external
def activate(market: uint256):
    proposal: Proposal = self.proposal[market]
    assert proposal.ready_at != 0, "proposal"
    assert block.timestamp >= proposal.ready_at, "delay"
    assert block.timestamp <= proposal.ready_at + LAPSE, "lapsed"
    self.proposal[market] = empty(Proposal)
    if market == self.market_count:
        self._list(market)
    ramped_at: uint256 = self._put_in_force(market, proposal.parameters)
    log IParameters.ParametersActivated(market=market, parameters=proposal.parameters, ramped_at=ramped_at)


@internal
def _propose(market: uint256, parameters: uint256) -> uint256:
    """
    @notice Announce; what was announced for the market before gives way, and the delay begins anew.
    """
    self._assert_bounds(parameters)
    ready_at: uint256 = block.timestamp + DELAY
    self.proposal[market] = Proposal(parameters=parameters, ready_at=ready_at)
    return ready_at


@internal
def _list(market: uint256):
    """
    @dev Only one market at a time is announced, so its token is still no other's collateral.
    """
    self.market_count = market + 1
    token: address = self.listed[market].token
    if token != empty(address):
        self.collaterals[token] = (self.listed[market].token_scale << 8) | market
    log IParameters.MarketListed(market=market, spot_feed=self.listed[market].spot_feed, token=token)


@internal
def _put_in_force(market: uint256, target: uint256) -> uint256:
    """
    @notice Loosen at once, and begin to tighten from what is in force now; returns when that is over.
    """
    before: uint256 = self.in_force[market].target
    origin: uint256 = target
    if before != 0:
        origin = self._origin(self._as_of_now(market, before), target)
    if origin == target:
        self.in_force[market] = InForce(target=target, ramped_at=0, origin=0)
        return block.timestamp
    ramped_at: uint256 = block.timestamp + RAMP
    self.in_force[market] = InForce(target=target | RAMPED, ramped_at=ramped_at, origin=origin)
    return ramped_at


@internal
@pure
def _origin(current: uint256, target: uint256) -> uint256:
    """
    @notice Where the ramp begins: fields that tighten as they are now, all others as they shall be.
    """
    origin: uint256 = 0
    offset: uint256 = 0
    for bits: uint256 in BITS:
        mask: uint256 = ((1 << bits) - 1) << offset
        old: uint256 = current & mask
        new: uint256 = target & mask
        if new > old:
            origin |= old if mask & MORE_IS_TIGHTER != 0 else new
        else:
            origin |= old if mask & LESS_IS_TIGHTER != 0 else new
        offset += bits
    return origin


@internal
@view
def _as_of_now(market: uint256, stored: uint256) -> uint256:
    """
    @notice The parameters of a stored target now. Moves are rounded down, so that each field is at its looser side until the end.
    """
    if stored & RAMPED == 0:
        return stored
    target: uint256 = stored ^ RAMPED
    ramped_at: uint256 = self.in_force[market].ramped_at
    if block.timestamp >= ramped_at:
        return target
    origin: uint256 = self.in_force[market].origin
    elapsed: uint256 = RAMP - (ramped_at - block.timestamp)
    current: uint256 = 0
    offset: uint256 = 0
    # A field has at most 40 bits and the ramp 21: nothing here can overflow.
    for bits: uint256 in BITS:
        mask: uint256 = (1 << bits) - 1
        old: uint256 = (origin >> offset) & mask
        new: uint256 = (target >> offset) & mask
        if new > old:
            old = unsafe_add(old, unsafe_div(unsafe_mul(unsafe_sub(new, old), elapsed), RAMP))
        elif new < old:
            old = unsafe_sub(old, unsafe_div(unsafe_mul(unsafe_sub(old, new), elapsed), RAMP))
        current |= old << offset
        offset = unsafe_add(offset, bits)
    return current


@internal
@pure
def _assert_bounds(parameters: uint256):
    assert parameters <= FIELDS, "bounds"
    offset: uint256 = 0
    for index: uint256 in range(12):
        field: uint256 = (parameters >> offset) & ((1 << BITS[index]) - 1)
        assert field >= LEAST[index] and field <= MOST[index], "bounds"
        offset += BITS[index]


@internal
@view
def _assert_terms(terms: IParameters.Terms):
    assert terms.spot_feed != empty(bytes32) and terms.surface_feed != empty(bytes32), "terms"
    assert terms.lot >= MIN_LOT and terms.lot <= MAX_LOT and self._is_power_of_ten(terms.lot), "terms"
    assert terms.tick >= MIN_TICK and terms.tick <= MAX_TICK and self._is_power_of_ten(terms.tick), "terms"
    if terms.token == empty(address):
        assert terms.token_scale == 0, "terms"
    else:
        decimals: uint256 = self._decimals(terms.token)
        assert decimals <= MAX_DECIMALS, "terms"
        assert terms.token_scale == 10 ** (MAX_DECIMALS - decimals), "terms"


@internal
@view
def _decimals(token: address) -> uint256:
    """
    @notice What a token says; more than any token has when it says nothing, or is no contract.
    """
    done: bool = False
    answer: Bytes[32] = b""
    done, answer = raw_call(
        token, method_id("decimals()"), max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    if not done or len(answer) != 32:
        return max_value(uint256)
    return convert(answer, uint256)


@internal
@pure
def _is_power_of_ten(amount: uint256) -> bool:
    power: uint256 = 1
    for _: uint256 in range(25):
        if power == amount:
            return True
        power *= 10
    return False
