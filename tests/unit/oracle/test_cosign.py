"""A reporter puts its name only under what its own reports bear out, and never under two things for one slot."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.oracle.world import DOMAIN, FEED, MEMBERS, SIGNERS, SLOT, WAD, signed

from peersettle.errors import StoreError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.cosign import CoSigner, is_median_of_some
from peersettle.oracle.journal import Journal
from peersettle.reports import Batch, CoSigned, Feed, Observation, OracleDomain, Round, SurfaceReport, SurfaceSlice
from peersettle.reports.quorum import spread_of

BTC = Feed("BTC/USD")
VOL = Feed("ETH-VOL")
FLAT = SurfaceSlice(SLOT + 86_400, a=40_000_000, b=10_000_000, rho=0, m=0, sigma=100_000_000, forward_ratio=10**9)


@pytest.fixture
def held():
    book = ReportBook(DOMAIN, [FEED, BTC], MEMBERS, surfaces=[VOL])
    for signer, price in enumerate((2_000, 2_001, 2_002, 2_003)):
        book.accept(signed(signer, price), SLOT)
        book.accept(signed(signer, price * 20, feed=BTC), SLOT)
    return book


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as journal:
        yield journal


def batch(*observations, domain=DOMAIN, slot=SLOT):
    return CoSigned(domain, Batch(observations, slot), {})


def observed(held, feed=FEED, count=3):
    made = Round.of(MEMBERS, held.reports(feed, SLOT), count)
    return Observation(feed, made.median, made.spread)


def test_a_batch_of_true_medians_is_signed(held, journal):
    cosigner = CoSigner(SIGNERS[0], held, journal)
    document = batch(observed(held), observed(held, BTC, 4))
    assert cosigner.refusal(document, SLOT) is None
    CoSigned(DOMAIN, document.message, {SIGNERS[0].address: cosigner.sign(document)}).verify()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda o: Observation(o.feed, o.value + 1, o.spread), "median of no 3"),
        (lambda o: Observation(o.feed, o.value, o.spread + 1), "median of no 3"),
        (lambda o: Observation(o.feed, 2_000 * WAD, o.spread), "median of no 3"),
        (lambda o: Observation(Feed("DOGE/USD"), o.value, o.spread), "no feed of ours"),
    ],
)
def test_a_batch_that_our_reports_do_not_bear_out_is_refused(held, journal, change, said):
    refusal = CoSigner(SIGNERS[0], held, journal).refusal(batch(change(observed(held))), SLOT)
    assert refusal is not None
    assert said in refusal


def test_another_contract_another_time_and_missing_reports_are_refused(held, journal):
    cosigner = CoSigner(SIGNERS[0], held, journal)
    good = observed(held)
    assert "another contract" in (cosigner.refusal(batch(good, domain=OracleDomain(1, DOMAIN.oracle)), SLOT) or "")
    assert "future" in (cosigner.refusal(batch(good, slot=SLOT + 15), SLOT) or "")
    assert "old" in (cosigner.refusal(batch(good), SLOT + 1_000) or "")
    assert "0 reports" in (cosigner.refusal(batch(good, slot=SLOT - 15), SLOT) or "")


def test_two_observations_of_one_feed_and_slot_are_never_both_signed(held, journal):
    cosigner = CoSigner(SIGNERS[0], held, journal)
    three, four = observed(held), observed(held, count=4)
    assert three != four
    cosigner.sign(batch(three))
    with pytest.raises(StoreError, match="already"):
        cosigner.sign(batch(four, observed(held, BTC)))
    cosigner.sign(batch(three, observed(held, BTC)))  # the same again, beside another feed, is no contradiction


@given(st.lists(st.integers(100, 106), min_size=3, max_size=7), st.integers(3, 5))
def test_the_search_for_a_round_agrees_with_trying_them_all(values, threshold):
    values = sorted(values)
    rounds = [chosen for size in range(threshold, len(values) + 1) for chosen in combinations(values, size)]
    true = {(chosen[len(chosen) >> 1], spread_of(chosen)) for chosen in rounds}
    spreads = {spread_of((low, value, high)) for low, value, high in combinations(values, 3)} | {0, 1}
    for value, spread in product({99, *values}, spreads | {spread for _, spread in true}):
        assert is_median_of_some(values, value, spread, threshold) == ((value, spread) in true)


def surface(item=FLAT, feed=VOL):
    return SurfaceReport(feed, (item,), SLOT)


def bent(**changes):
    fields = {name: getattr(FLAT, name) for name in ("expiry", "a", "b", "rho", "m", "sigma", "forward_ratio")}
    return SurfaceSlice(**{**fields, **changes})


def test_a_surface_is_signed_only_when_ours_agrees(held, journal):
    cosigner = CoSigner(SIGNERS[0], held, journal, surface_view=lambda *_: surface(), tolerance_ppm=20_000)

    def refusal(item):
        return cosigner.refusal(CoSigned(DOMAIN, surface(item), {}), SLOT) or ""

    assert refusal(FLAT) == refusal(bent(a=40_500_000)) == ""
    for item in (bent(a=45_000_000), bent(rho=900_000_000), bent(forward_ratio=1_050_000_000), bent(a=-50_000_000)):
        assert "ppm from ours" in refusal(item)
    assert "other expiries" in refusal(bent(expiry=SLOT + 90_000))
    cosigner.sign(CoSigned(DOMAIN, surface(), {}))
    assert refusal(FLAT) == ""
    assert "already" in refusal(bent(a=40_500_000))
    with pytest.raises(StoreError):
        cosigner.sign(CoSigned(DOMAIN, surface(bent(a=40_500_000)), {}))


def test_without_a_surface_of_our_own_none_is_signed(held, journal):
    for view in (None, lambda *_: None):
        refusal = CoSigner(SIGNERS[0], held, journal, surface_view=view).refusal(CoSigned(DOMAIN, surface(), {}), SLOT)
        assert "no surface of our own" in (refusal or "")


def test_a_feed_is_no_surface_and_a_surface_no_feed(held, journal):
    cosigner = CoSigner(SIGNERS[0], held, journal, surface_view=lambda *_: surface())
    assert "no surface of ours" in (cosigner.refusal(CoSigned(DOMAIN, surface(feed=FEED), {}), SLOT) or "")
    assert "no feed of ours" in (cosigner.refusal(batch(Observation(VOL, WAD, 0)), SLOT) or "")
