"""Which markets there are and how much margin they ask for: who may change it, how fast, and how far."""

from collections.abc import Iterator
from dataclasses import replace

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from tests.contracts.differential.world import actor, contract
from tests.contracts.mocks import load, rolled_back

from peersettle.reports import Feed
from peersettle.risk.parameters import FIELDS, RiskParameters, Tighter
from peersettle.types import ZERO_ADDRESS

HOUR, DAY = 3_600, 86_400
DELAY, RAMP, LAPSE = 2 * DAY, 3 * DAY, 14 * DAY
SLOAD = 0x54
steward = actor("steward").address
anybody = actor("anybody").address
SPOT, SURFACE = Feed("ETH/USD").id, Feed("ETH/SVI").id
UNBACKED = (SPOT, SURFACE, ZERO_ADDRESS, 0, 10**15, 10**19)
CALM = RiskParameters(
    scan=9_830,
    band=328,
    shock=19_661,
    basis=655,
    initial_factor=1_250,
    risk_rate=16_384,
    risk_scale=5_000_000,
    gain_cap=250_000,
    spot_age=600,
    surface_age=3_600,
    epoch_age=300,
    position_charge=20_000,
)
STRICT = {
    "scan": 19_661,
    "band": 655,
    "shock": 26_214,
    "basis": 1_311,
    "initial_factor": 1_500,
    "risk_rate": 65_535,
    "risk_scale": 1_000_000,
    "gain_cap": 0,
    "spot_age": 60,
    "surface_age": 600,
    "position_charge": 50_000,
}


@pytest.fixture
def parameters() -> Iterator[VyperContract]:
    with rolled_back():
        yield contract("Parameters").deploy(steward, DELAY, RAMP)


@pytest.fixture
def listed(parameters):
    """With one market, which has no collateral."""
    list_market(parameters)
    return parameters


def list_market(parameters, terms=UNBACKED, first=CALM):
    market = parameters.market_count()
    parameters.propose_market(terms, first.pack(), sender=steward)
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(market, sender=anybody)
    return market


def change(parameters, wanted, market=0):
    """Announce, wait and put in force."""
    parameters.propose_parameters(market, wanted.pack(), sender=steward)
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(market, sender=anybody)


def in_force(parameters, market=0):
    return RiskParameters.unpack(parameters.risk_parameters(market))


def backed(token, decimals):
    return (SPOT, SURFACE, token.address, 10 ** (18 - decimals), 10**15, 10**19)


# Deployment


def test_it_says_how_it_was_deployed(parameters):
    assert (parameters.steward(), parameters.delay(), parameters.ramp()) == (steward, DELAY, RAMP)
    assert parameters.market_count() == 0


@pytest.mark.parametrize(
    ("delay", "ramp", "reason"),
    [
        (HOUR, HOUR, None),
        (30 * DAY, 14 * DAY, None),
        (HOUR - 1, HOUR, "delay"),
        (30 * DAY + 1, HOUR, "delay"),
        (HOUR, HOUR - 1, "ramp"),
        (HOUR, 14 * DAY + 1, "ramp"),
        (0, HOUR, "delay"),
        (HOUR, 0, "ramp"),
    ],
)
def test_delay_and_ramp_are_bounded(delay, ramp, reason):
    with rolled_back():
        if reason is None:
            contract("Parameters").deploy(steward, delay, ramp)
        else:
            with boa.reverts(reason):
                contract("Parameters").deploy(steward, delay, ramp)


def test_without_a_steward_nothing_is_ever_announced():
    with rolled_back():
        parameters = contract("Parameters").deploy(ZERO_ADDRESS, DELAY, RAMP)
        for who in (steward, anybody):
            with boa.reverts("steward"):
                parameters.propose_market(UNBACKED, CALM.pack(), sender=who)


# Markets


def test_a_market_is_listed_when_the_delay_is_over(parameters):
    parameters.propose_market(UNBACKED, CALM.pack(), sender=steward)
    ready_at = boa.env.timestamp + DELAY
    assert parameters.proposal(0) == (CALM.pack(), ready_at)
    assert parameters.proposed_terms() == UNBACKED
    boa.env.time_travel(seconds=DELAY - 1)
    for call in (parameters.terms, parameters.risk_parameters, parameters.ramp_target):
        with boa.reverts("market"):
            call(0)
    with boa.reverts("delay"):
        parameters.activate(0, sender=anybody)
    boa.env.time_travel(seconds=1)
    parameters.activate(0, sender=anybody)
    assert parameters.market_count() == 1
    assert parameters.terms(0) == UNBACKED
    assert in_force(parameters) == CALM
    assert parameters.proposal(0) == (0, 0)
    with boa.reverts("proposal"):
        parameters.proposed_terms()


def test_markets_are_numbered_in_order_of_listing(parameters):
    feeds = [Feed(name).id for name in ("ETH/USD", "BTC/USD", "SOL/USD")]
    for number, feed in enumerate(feeds):
        assert list_market(parameters, (feed, *UNBACKED[1:])) == number
    assert [parameters.terms(number)[0] for number in range(3)] == feeds


def test_there_are_at_most_64(parameters):
    for _ in range(64):
        list_market(parameters)
    with boa.reverts("full"):
        parameters.propose_market(UNBACKED, CALM.pack(), sender=steward)
    with boa.reverts("market"):
        parameters.terms(64)
    change(parameters, replace(CALM, epoch_age=60), market=63)
    assert in_force(parameters, 63).epoch_age == 60


def test_another_announcement_takes_the_number_and_waits_anew(parameters):
    parameters.propose_market(UNBACKED, CALM.pack(), sender=steward)
    boa.env.time_travel(seconds=DELAY)
    other = (SURFACE, *UNBACKED[1:])
    parameters.propose_market(other, CALM.pack(), sender=steward)
    with boa.reverts("delay"):
        parameters.activate(0)
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(0)
    assert parameters.terms(0) == other


@pytest.mark.parametrize("decimals", [0, 6, 18])
def test_a_token_is_found_with_its_scale(parameters, decimals):
    list_market(parameters)
    token = load("Token", "Wrapped ether", "WETH", decimals)
    terms = backed(token, decimals)
    parameters.propose_market(terms, CALM.pack(), sender=steward)
    with boa.reverts("collateral"):
        parameters.market_of(token)
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(1)
    assert parameters.market_of(token) == (1, 10 ** (18 - decimals))
    assert parameters.terms(1) == terms
    for other in (ZERO_ADDRESS, anybody):
        with boa.reverts("collateral"):
            parameters.market_of(other)


def test_a_token_is_the_collateral_of_one_market(parameters):
    token = load("Token", "Wrapped ether", "WETH", 18)
    list_market(parameters, backed(token, 18))
    with boa.reverts("collateral"):
        parameters.propose_market(backed(token, 18), CALM.pack(), sender=steward)
    assert list_market(parameters, UNBACKED) == 1
    assert list_market(parameters, UNBACKED) == 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, bytes(32)),
        (1, bytes(32)),
        (3, 1),
        (3, 10**12),
        (4, 0),
        (4, 1),
        (4, 10**5),
        (4, 10**25),
        (4, 10**15 + 1),
        (4, 2 * 10**15),
        (5, 0),
        (5, 10**7),
        (5, 10**22),
        (5, 10**19 - 1),
        (5, 2**256 - 1),
    ],
)
def test_terms_out_of_range_are_refused(parameters, place, value):
    terms = (*UNBACKED[:place], value, *UNBACKED[place + 1 :])
    with boa.reverts("terms"):
        parameters.propose_market(terms, CALM.pack(), sender=steward)


def test_every_power_of_ten_within_the_bounds_is_taken(parameters):
    for exponent in range(6, 25):
        parameters.propose_market((*UNBACKED[:4], 10**exponent, 10**8), CALM.pack(), sender=steward)
    for exponent in range(8, 22):
        parameters.propose_market((*UNBACKED[:4], 10**24, 10**exponent), CALM.pack(), sender=steward)


@pytest.mark.parametrize(
    ("decimals", "scale"), [(18, 0), (18, 10), (6, 10**11), (6, 10**6), (19, 1), (19, 0), (36, 1), (255, 1)]
)
def test_a_scale_is_what_the_decimals_say(parameters, decimals, scale):
    token = load("Token", "Coin", "COIN", decimals)
    with boa.reverts("terms"):
        parameters.propose_market((SPOT, SURFACE, token.address, scale, 10**15, 10**19), CALM.pack(), sender=steward)


@pytest.mark.parametrize("place", [1, 2, 3, 4, 9, 2**160 - 1])
def test_an_address_that_is_no_token_is_refused(parameters, place):
    """Among them precompiles, some of which answer anything with 32 bytes."""
    nobody = "0x" + place.to_bytes(20, "big").hex()
    for scale in (0, 1, 10**18):
        with boa.reverts("terms"):
            parameters.propose_market((SPOT, SURFACE, nobody, scale, 10**15, 10**19), CALM.pack(), sender=steward)


def test_a_contract_without_decimals_is_refused(parameters):
    wallet = load("Wallet", steward)
    with boa.reverts("terms"):
        parameters.propose_market(backed(wallet, 18), CALM.pack(), sender=steward)


# Bounds


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_bounds_hold_for_everybody_and_the_steward(listed, field):
    place = sum(other.bits for other in FIELDS[: FIELDS.index(field)])
    mask = (2**field.bits - 1) << place

    def word(value):
        return CALM.pack() & ~mask | value << place

    for value in (field.least, field.most):
        listed.propose_parameters(0, word(value), sender=steward)
        listed.propose_market(UNBACKED, word(value), sender=steward)
    for value in (field.least - 1, field.most + 1, 0 if field.least else 2**field.bits - 1, 2**field.bits - 1):
        if 0 <= value < 2**field.bits and not field.least <= value <= field.most:
            with boa.reverts("bounds"):
                listed.propose_parameters(0, word(value), sender=steward)
            with boa.reverts("bounds"):
                listed.propose_market(UNBACKED, word(value), sender=steward)


@pytest.mark.parametrize("bit", range(248, 256))
def test_bits_without_a_meaning_are_zero(listed, bit):
    with boa.reverts("bounds"):
        listed.propose_parameters(0, CALM.pack() | 1 << bit, sender=steward)


def test_the_tightest_and_the_loosest_are_within(listed):
    for wanted in ([field.most for field in FIELDS], [field.least for field in FIELDS]):
        change(listed, RiskParameters(*wanted))
        boa.env.time_travel(seconds=RAMP)
        assert in_force(listed) == RiskParameters(*wanted)


# Announcing


def test_only_the_steward_announces_and_withdraws(listed):
    with boa.reverts("steward"):
        listed.propose_market(UNBACKED, CALM.pack(), sender=anybody)
    with boa.reverts("steward"):
        listed.propose_parameters(0, CALM.pack(), sender=anybody)
    listed.propose_parameters(0, CALM.pack(), sender=steward)
    with boa.reverts("steward"):
        listed.withdraw_proposal(0, sender=anybody)


def test_parameters_are_of_a_listed_market(listed):
    for market in (1, 64, 2**256 - 1):
        with boa.reverts("market"):
            listed.propose_parameters(market, CALM.pack(), sender=steward)


def test_what_is_withdrawn_is_gone(listed):
    listed.propose_parameters(0, CALM.pack(), sender=steward)
    listed.withdraw_proposal(0, sender=steward)
    assert listed.proposal(0) == (0, 0)
    boa.env.time_travel(seconds=DELAY)
    with boa.reverts("proposal"):
        listed.activate(0)
    listed.propose_market(UNBACKED, CALM.pack(), sender=steward)
    listed.withdraw_proposal(1, sender=steward)
    boa.env.time_travel(seconds=DELAY)
    with boa.reverts("proposal"):
        listed.activate(1)
    assert listed.market_count() == 1


def test_nothing_announced_is_nothing_to_withdraw_or_activate(listed):
    for market in (0, 1, 2**256 - 1):
        with boa.reverts("proposal"):
            listed.withdraw_proposal(market, sender=steward)
        with boa.reverts("proposal"):
            listed.activate(market)


def test_what_is_announced_is_put_in_force_once(listed):
    change(listed, replace(CALM, scan=2_000))
    with boa.reverts("proposal"):
        listed.activate(0)


def test_a_proposal_waits_out_the_delay_and_lapses_after_14_days(listed):
    listed.propose_parameters(0, replace(CALM, scan=2_000).pack(), sender=steward)
    boa.env.time_travel(seconds=DELAY - 1)
    with boa.reverts("delay"):
        listed.activate(0, sender=steward)
    boa.env.time_travel(seconds=1 + LAPSE)
    with boa.env.anchor():
        listed.activate(0, sender=anybody)
    boa.env.time_travel(seconds=1)
    with boa.reverts("lapsed"):
        listed.activate(0, sender=anybody)
    assert in_force(listed) == CALM
    change(listed, replace(CALM, scan=3_000))
    assert in_force(listed).scan == 3_000


def test_what_is_announced_for_one_market_leaves_the_others_alone(listed):
    list_market(listed, first=replace(CALM, scan=5_000))
    listed.propose_parameters(0, replace(CALM, scan=2_000).pack(), sender=steward)
    listed.propose_parameters(1, replace(CALM, scan=3_000).pack(), sender=steward)
    boa.env.time_travel(seconds=DELAY)
    listed.activate(1)
    assert (in_force(listed, 0).scan, in_force(listed, 1).scan) == (CALM.scan, 3_000)
    listed.activate(0)
    assert (in_force(listed, 0).scan, in_force(listed, 1).scan) == (2_000, 3_000)


# The ramp


def test_what_tightens_comes_in_on_a_straight_line(listed):
    start = boa.env.timestamp + DELAY
    change(listed, replace(CALM, **STRICT))
    assert in_force(listed) == CALM
    assert listed.ramp_target(0) == (replace(CALM, **STRICT).pack(), start + RAMP)
    for elapsed in (1, HOUR, RAMP // 3, RAMP // 2, RAMP - 1):
        boa.env.timestamp = start + elapsed
        now = in_force(listed)
        for name, new in STRICT.items():
            old = getattr(CALM, name)
            moved = abs(new - old) * elapsed // RAMP  # rounded down: at the looser side
            assert getattr(now, name) == (old + moved if new > old else old - moved), name
    boa.env.timestamp = start + RAMP
    assert in_force(listed) == replace(CALM, **STRICT)
    boa.env.time_travel(seconds=10 * RAMP)
    assert in_force(listed) == replace(CALM, **STRICT)


def test_what_loosens_applies_at_activation(listed):
    change(listed, replace(CALM, **STRICT))
    boa.env.time_travel(seconds=RAMP)
    change(listed, CALM)
    assert in_force(listed) == CALM
    assert listed.ramp_target(0) == (CALM.pack(), 0)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_field_knows_which_way_is_tighter(listed, field):
    value = getattr(CALM, field.name)
    for other in (field.least, field.most):
        with boa.env.anchor():
            change(listed, replace(CALM, **{field.name: other}))
            ramps = field.tighter is (Tighter.MORE if other > value else Tighter.LESS)
            assert in_force(listed) == (CALM if ramps else replace(CALM, **{field.name: other}))


def test_an_epochs_age_changes_at_once_either_way(listed):
    for age in (60, 3_600):
        change(listed, replace(CALM, epoch_age=age, scan=CALM.scan + age))
        assert in_force(listed).epoch_age == age
        assert listed.ramp_target(0)[1] == boa.env.timestamp + RAMP


def test_a_change_in_the_middle_of_a_ramp_begins_where_it_is(listed):
    change(listed, replace(CALM, scan=CALM.scan + 2_000, gain_cap=50_000))
    boa.env.time_travel(seconds=RAMP // 2 - DELAY)
    change(listed, replace(CALM, scan=CALM.scan + 3_000, gain_cap=200_000))
    halfway = in_force(listed)
    assert halfway.scan == CALM.scan + 1_000  # tightens on, from here
    assert halfway.gain_cap == 200_000  # 150,000 was in force, so this loosens
    boa.env.time_travel(seconds=RAMP // 2)
    assert in_force(listed).scan == CALM.scan + 2_000
    boa.env.time_travel(seconds=RAMP // 2)
    assert in_force(listed) == replace(CALM, scan=CALM.scan + 3_000, gain_cap=200_000)


def test_a_ramp_that_is_undone_stops_at_once(listed):
    change(listed, replace(CALM, scan=CALM.scan + 2_000))
    boa.env.time_travel(seconds=HOUR)
    change(listed, CALM)
    assert in_force(listed) == CALM
    boa.env.time_travel(seconds=RAMP)
    assert in_force(listed) == CALM


def test_the_events_say_it_all(parameters):
    parameters.propose_market(UNBACKED, CALM.pack(), sender=steward)
    ready_at = boa.env.timestamp + DELAY
    assert said(parameters) == [("MarketProposed", (0, UNBACKED, CALM.pack(), ready_at))]
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(0)
    assert said(parameters) == [
        ("MarketListed", (0, SPOT, ZERO_ADDRESS)),
        ("ParametersActivated", (0, CALM.pack(), boa.env.timestamp)),
    ]
    stricter = replace(CALM, scan=20_000).pack()
    parameters.propose_parameters(0, stricter, sender=steward)
    assert said(parameters) == [("ParametersProposed", (0, stricter, boa.env.timestamp + DELAY))]
    boa.env.time_travel(seconds=DELAY)
    parameters.activate(0)
    assert said(parameters) == [("ParametersActivated", (0, stricter, boa.env.timestamp + RAMP))]
    parameters.propose_parameters(0, CALM.pack(), sender=steward)
    parameters.withdraw_proposal(0, sender=steward)
    assert said(parameters) == [("ProposalWithdrawn", (0,))]


def said(parameters):
    return [(type(event).__name__, tuple(event)[1:]) for event in parameters.get_logs()]


def test_reading_is_cheap_once_the_ramp_is_over(listed):
    """One word before the first ramp, two after it."""
    assert storage_reads(listed) == 1
    change(listed, replace(CALM, scan=20_000))
    boa.env.time_travel(seconds=RAMP)
    assert storage_reads(listed) == 2


def storage_reads(parameters):
    """How many words a reading of the parameters loads."""
    parameters.risk_parameters(0)
    code = parameters._computation.code
    bytecode = boa.env.get_code(parameters.address)
    return sum(bytecode[place] == SLOAD for place in code._trace)
