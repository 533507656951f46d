"""Risk's specification by examples that fit on a page."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from tests.risk_parameters import usual

from peersettle.errors import Reverted
from peersettle.reports import OracleDomain, ReporterSet
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.spec import oracle_feeds, oracle_surfaces
from peersettle.spec.oracle import OracleState, Reading
from peersettle.spec.oracle_surfaces import Dated, Slice
from peersettle.spec.requirements import BEYOND, DEAD, UNUSABLE, Array
from peersettle.spec.risk import Book, Fixed, OracleReader, Risk, Rolled
from peersettle.spec.snapshots import DAY, expiry_of
from peersettle.types import WAD, ZERO_ADDRESS, Address, Hash32

CALL, PUT, FORWARD = 0, 1, 2
SPOT = Hash32(b"\x01" * 32)
SURFACE = Hash32(b"\x02" * 32)
MARKET = 0
TODAY = 1_100
NOW = expiry_of(TODAY) + 3_600
PRICE = 3_000 * WAD
TERMS = MarketTerms(SPOT, SURFACE, ZERO_ADDRESS, 0, lot=WAD // 100, tick=WAD)
PARAMETERS = usual(scan="18", risk_scale=10**6, gain_cap=1_000)


@dataclass
class Script:
    """An Oracle, Parameters and a backstop at once."""

    reading: Reading = field(default_factory=lambda: Reading(PRICE, NOW))
    slices: dict[int, Dated] = field(default_factory=dict)
    average: int = 0
    wealth: int = 10**9 * WAD
    inforce: RiskParameters = PARAMETERS

    def read(self, feed):
        return self.reading if feed == SPOT else Reading()

    def twap(self, feed, start, end):
        assert (feed, end - start) == (SPOT, 1_800)
        return self.average

    def observed_since(self, feed, start):
        assert feed == SPOT
        assert start % DAY == 7 * 3_600 + 1_800, "half past seven"
        return 600 * self.average, 600, 600

    def surface_slice(self, feed, expiry):
        return (self.slices.get(expiry) if feed == SURFACE else None), None

    def market(self, market):
        assert market == MARKET
        return SimpleNamespace(terms=TERMS)

    def risk_parameters(self, market, now):
        assert (market, now >= NOW) == (MARKET, True)
        return self.inforce

    def capital(self):
        return self.wealth

    def quote(self, day, variance=10**7, observed_at=NOW):
        """A flat surface of this total variance, in 1e-9, and the forward at the spot."""
        self.slices[expiry_of(day)] = Dated(Slice(expiry_of(day), variance, 0, 0, 0, 10**8, 10**9), observed_at)


def series(day, strike, kind):
    return day << 22 | strike << 2 | kind


def book(*positions, collateral=0, requirement=0, addition=0):
    return Book(collateral, requirement, addition, tuple(sorted(positions, reverse=True)))


FAR, NEXT = TODAY + 30, TODAY + 1
FORWARD_FAR = series(FAR, 3_000, FORWARD)
CALL_FAR = series(FAR, 3_000, CALL)
PUT_FAR = series(FAR, 3_000, PUT)
CALL_NEXT = series(NEXT, 3_000, CALL)


@pytest.fixture
def script():
    script = Script()
    for day in (FAR, NEXT):
        script.quote(day)
    return script


@pytest.fixture
def risk(script):
    risk = Risk(script, script, script)
    risk.refresh(MARKET, [CALL_NEXT, FORWARD_FAR, CALL_FAR, PUT_FAR], NOW)
    return risk


def in_dollars(wad):
    return round(wad / WAD, 2)


def refusal(call, *args):
    with pytest.raises(Reverted) as caught:
        call(*args)
    return caught.value.values.get("reason", caught.value.reason)


def test_a_long_forward_has_spans_array(risk):
    """0, ±1/3, ±2/3 and ±3/3 of the scan, whatever volatility does, and sixths between them."""
    lanes = [lane - 8_192 for lane in Array.of(risk.array(MARKET, FORWARD_FAR)).lanes]
    halves = [(lanes[3 + i] - lanes[3 - i]) / 2 for i in range(4)]
    sixths = [(lanes[10 + i] - lanes[10 - i]) / 2 for i in range(4)]
    scan = (PARAMETERS.scan + PARAMETERS.band) / 2**16 * 2**14
    assert halves == pytest.approx([0, scan / 3, scan * 2 / 3, scan], rel=0.01)
    assert sixths == pytest.approx([0, scan / 6, scan / 2, scan * 5 / 6], rel=0.01)


def test_one_long_forward_asks_for_the_largest_fall_and_the_fixed_charge(risk):
    found = risk.assess(MARKET, book((FORWARD_FAR, 100)), NOW)
    fall = 3_000 * (1 - 2.718281828 ** -((PARAMETERS.scan + PARAMETERS.band) / 2**16))
    assert in_dollars(found.requirement) == pytest.approx(fall + 3 * 0.5, abs=0.2)
    assert found.maintenance == found.requirement
    assert found.initial == found.requirement * 13 // 10
    assert (found.worth, found.status, found.short_lots) == (0, 0, 0)


def test_a_forward_against_collateral_asks_for_the_basis_only(risk):
    found = risk.assess(MARKET, book((FORWARD_FAR, -100), collateral=WAD), NOW)
    assert in_dollars(found.worth) == 3_000
    assert in_dollars(found.requirement) == pytest.approx(3_000 * 0.005 + 3 * 0.5, abs=0.4)


def test_collateral_counts_in_whole_lots(risk):
    whole, more, less = (
        risk.assess(MARKET, book(collateral=amount), NOW).worth for amount in (WAD, WAD + 10**16 - 1, WAD - 1)
    )
    assert whole == more == PRICE
    assert less == PRICE * 99 // 100


def test_call_and_put_of_one_strike_are_one_short(risk):
    """What is short of a conversion's options is nothing; of two shorts it is both."""
    for lots, short in (((-100, 100), 0), ((-100, -50), 150), ((-100, 40), 60)):
        found = risk.assess(MARKET, book((CALL_FAR, lots[0]), (PUT_FAR, lots[1])), NOW)
        assert found.short_lots == short


def test_what_expires_within_a_day_is_a_hedge_less_and_less(script, risk):
    """A short call covered by one that expires tomorrow: by the end it asks for as much as the short alone."""
    script.inforce = replace(PARAMETERS, position_charge=0)
    asked = []
    for left in (20, 10, 5, 1):
        now = expiry_of(NEXT) - left * 3_600
        script.reading = Reading(PRICE, now)
        for day in (FAR, NEXT):
            script.quote(day, observed_at=now)
        risk.refresh(MARKET, [CALL_NEXT, CALL_FAR], now)
        covered, alone = (
            risk.assess(MARKET, book(*legs), now).requirement
            for legs in (((CALL_FAR, -100), (CALL_NEXT, 100)), ((CALL_FAR, -100),))
        )
        assert covered >= alone * (24 - left) // 24
        asked.append(covered / alone)
    assert asked == sorted(asked)
    assert asked[-1] == pytest.approx(23 / 24, abs=1e-9)


def test_gains_beyond_the_cap_margin_nothing_else(script, risk):
    far_below = series(FAR, 500, FORWARD)
    risk.refresh(MARKET, [far_below], NOW)
    held = book((far_below, 1_000))
    found = risk.assess(MARKET, held, NOW)
    assert in_dollars(found.worth) == 10 * 2_500
    assert found.maintenance == found.initial == found.worth - 1_000 * WAD
    script.wealth = 20 * 300 * WAD
    script.reading = Reading(PRICE * 102 // 100 + PRICE // 1_000, NOW)
    risk.refresh(MARKET, [far_below], NOW)
    found = risk.assess(MARKET, held, NOW)
    assert found.maintenance == found.worth - 300 * WAD, "a 20th of the backstop, when that is less"


def test_a_candidate_costs_the_worst_on_the_way_to_it(script, risk):
    """Five per cent down is past a sixth of the scan, so of that row of nodes a half counts, too."""
    long, short = book((FORWARD_FAR, 100)), book((FORWARD_FAR, -100))
    script.reading = Reading(PRICE, NOW, 0, PRICE * 95 // 100, NOW)
    scan = (PARAMETERS.scan + PARAMETERS.band) / 2**16
    half = 3_000 * (1 - 2.718281828 ** (-scan / 2))
    assert in_dollars(risk.assess(MARKET, long, NOW).candidate_loss) == pytest.approx(half, abs=0.4)
    assert in_dollars(risk.assess(MARKET, short, NOW).candidate_loss) == pytest.approx(0, abs=0.4)
    script.reading = Reading(PRICE, NOW, 0, PRICE * 2, NOW)
    found = risk.assess(MARKET, short, NOW)
    assert (found.status, found.candidate_loss) == (BEYOND, 0)


def test_an_old_price_is_unusable_and_dead_after_a_day(risk):
    held = book((CALL_FAR, 5))
    statuses = [risk.assess(MARKET, held, NOW + later).status for later in (120, 121, 120 + DAY, 121 + DAY)]
    assert statuses == [0, UNUSABLE, UNUSABLE, UNUSABLE | DEAD]
    assert [risk.spot(MARKET, NOW + later) for later in (120, 121)] == [PRICE, 0]


def test_an_array_of_an_older_epoch_does_only_where_no_surface_can_be_had(script, risk):
    script.reading = Reading(PRICE * 103 // 100, NOW)
    assert refusal(risk.assess, MARKET, book((CALL_FAR, 5)), NOW) == "epoch"
    risk.refresh(MARKET, [CALL_NEXT], NOW)
    assert refusal(risk.assess, MARKET, book((CALL_FAR, 5)), NOW) == "array"
    del script.slices[expiry_of(FAR)]
    assert risk.assess(MARKET, book((CALL_FAR, 5)), NOW).status == UNUSABLE
    never = book((series(FAR, 3_001, CALL), 5))
    assert refusal(risk.assess, MARKET, never, NOW) == "array"


def test_a_receivable_counts_for_a_day_and_a_debt_until_it_is_paid(script, risk):
    script.average = 3_100 * WAD
    at = expiry_of(NEXT)
    script.reading = Reading(PRICE, at + 1)
    for lots in (100, -100):
        held = book((CALL_NEXT, lots))
        risk.refresh(MARKET, [], at + 1)
        assert risk.assess(MARKET, held, at + 1).status == UNUSABLE, "no fixing yet"
    assert risk.fix(MARKET, NEXT, at + 1) == script.average
    assert refusal(risk.fix, MARKET, NEXT, at + 1) == "fixed"
    for later, worth in ((1, 100), (DAY, 100), (DAY + 1, 0)):  # fixed a second after the expiry
        script.reading = Reading(PRICE, at + later)
        risk.refresh(MARKET, [], at + later)
        long, short = book((CALL_NEXT, 100)), book((CALL_NEXT, -100))
        assert in_dollars(risk.assess(MARKET, long, at + later).worth) == worth
        assert in_dollars(risk.assess(MARKET, short, at + later).worth) == -100
        assert risk.sides(MARKET, long, at + later) == (100 * WAD, 0), "to be received, however late"
        assert risk.sides(MARKET, short, at + later) == (0, 100 * WAD)


def test_who_raises_open_risk_pays_by_how_much_there_is_and_gets_it_back_by_half(risk):
    """Ten per cent when the scale is reached, of the part by which the requirement grows."""
    first, counted = risk.commit(MARKET, book((FORWARD_FAR, 1_000)), NOW)
    assert risk.markets[MARKET].open_risk == counted.requirement == -(-first.requirement // 10**14)
    share = counted.requirement / 10**4 / 10**6 * 0.1
    assert counted.addition == pytest.approx(counted.requirement * share, rel=0.001)
    assert first.initial == first.requirement * 13 // 10 + counted.addition * 10**14
    _, crowd = risk.commit(MARKET, book((FORWARD_FAR, 10**6)), NOW)
    assert crowd.addition == pytest.approx(crowd.requirement * 0.1, rel=0.001)
    half = replace(crowd, positions=((FORWARD_FAR, 5 * 10**5),))
    _, halved = risk.commit(MARKET, half, NOW)
    assert halved.addition == pytest.approx(crowd.addition / 2, rel=0.001)
    assert refusal(risk.forget, MARKET, halved) == "positions"
    assert risk.forget(MARKET, replace(halved, positions=())) == Book()
    assert risk.forget(MARKET, replace(counted, positions=())) == Book()
    assert risk.markets[MARKET].open_risk == 0


def test_in_the_last_half_hour_a_part_of_the_average_is_known(script, risk):
    now = expiry_of(NEXT) - 600
    script.average = 3_300 * WAD
    script.reading = Reading(PRICE, now)
    script.quote(NEXT, variance=9 * 10**6, observed_at=now)
    risk.refresh(MARKET, [CALL_NEXT], now)
    curve = risk.markets[MARKET].curves[NEXT]
    assert curve.forward_ratio == (3_300 * 1_200 + 3_000 * 600) * 10**9 // (3_000 * 1_800)
    assert curve.weight / 2**14 == pytest.approx(3_000 * 600 / (3_300 * 1_200 + 3_000 * 600), abs=1e-4)
    assert curve.a == 9 * 10**6 // 27, "a third of the time that counts, a third of the weight squared"
    later = now + 60
    script.reading = Reading(PRICE, later)
    assert refusal(risk.assess, MARKET, book((CALL_NEXT, 5)), later) == "epoch"


def test_a_refresh_that_is_refused_changes_nothing(script, risk):
    before = risk.snapshot(MARKET), dict(risk.markets[MARKET].arrays), list(risk.log)
    script.reading = Reading(PRICE * 2, NOW)
    assert refusal(risk.refresh, MARKET, [CALL_FAR, series(FAR + 1, 3_000, CALL)], NOW) == "surface"
    assert refusal(risk.refresh, MARKET, [CALL_FAR, series(FAR, 3_000, 3)], NOW) == "series"
    assert before == (risk.snapshot(MARKET), risk.markets[MARKET].arrays, risk.log)


def test_what_happened_is_logged(script, risk):
    script.average = PRICE
    risk.fix(MARKET, TODAY, NOW)
    assert risk.log == [
        Rolled(MARKET, 1, PRICE),
        Fixed(MARKET, TODAY, PRICE),
    ]


def test_a_book_is_packed_as_the_ledger_keeps_it():
    held = book(
        (FORWARD_FAR, -1), *((series(FAR, k, CALL), k) for k in range(1, 5)), collateral=7, requirement=8, addition=9
    )
    assert held.header == 7 << 160 | 8 << 64 | 9 << 8 | 5
    first, second = held.words
    assert first % 2**64 == FORWARD_FAR << 28 | 2**28 - 1
    assert second == series(FAR, 1, CALL) << 28 | 1
    assert Book().header == 0
    assert Book().words == []


def test_it_reads_the_oracles_own_specification(script):
    """A path of prices and a surface as the Oracle keeps them, from before the window to the fixing."""
    at = expiry_of(NEXT)
    members = tuple(Address(f"0x{i:040x}") for i in range(1, 6))
    state = OracleState(OracleDomain(1, members[0]), 1, at - 7_200, members[0], 0, ReporterSet(3, members))
    terms = bytes(20) + (60).to_bytes(2, "big") + (300).to_bytes(4, "big") + bytes(6)
    spot, surface = Hash32(terms[:19] + b"\1" + terms[20:]), Hash32(terms[:19] + b"\2" + terms[20:])
    path = [oracle_feeds.Confirmed(PRICE if t < -900 else PRICE * 11 // 10, 0, at + t) for t in range(-7_200, 61, 60)]
    script.market = lambda _: SimpleNamespace(terms=replace(TERMS, spot_feed=spot, surface_feed=surface))
    risk = Risk(OracleReader(state), script, script)

    def wait(left):
        state.now = at - left
        state.feeds[spot] = oracle_feeds.FeedState(tuple(one for one in path if one.observed_at <= state.now))
        found = Slice(at, 10**7, 0, 0, 0, 10**8, 10**9)
        state.surfaces[surface] = oracle_surfaces.SurfaceState(oracle_surfaces.Confirmed({at: found}, at - 7_200))

    wait(7_200)
    risk.refresh(MARKET, [CALL_NEXT], state.now)
    assert risk.spot(MARKET, state.now) == PRICE
    assert risk.assess(MARKET, book((CALL_NEXT, 5)), state.now).status == 0
    wait(600)
    script.inforce = replace(PARAMETERS, surface_age=7_200)
    risk.refresh(MARKET, [CALL_NEXT], state.now)
    known = (900 - 30) * PRICE + (300 + 30) * PRICE * 11 // 10  # each round speaks for half a minute around it
    ratio = (known + 600 * PRICE * 11 // 10) / (1_800 * PRICE * 11 // 10)
    assert risk.markets[MARKET].curves[NEXT].forward_ratio == pytest.approx(ratio * 10**9, abs=10)
    wait(-60)
    fixing = risk.fix(MARKET, NEXT, state.now)
    assert fixing == pytest.approx(PRICE * 1.05, rel=0.002)
