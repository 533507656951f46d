"""The taker's choice: the best price for each unit that keeps to its limits, whatever the order of the answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.making.world import OTHER

from peersettle.errors import InvalidField
from peersettle.making import Candidate, Requirement, best, candidates, ranked
from peersettle.rfq.messages import Alternative, Offer

CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["ann", "bob", "cyd", "dan"]),
    st.integers(-1_000, 1_000),
    st.integers(90, 130),
    st.sampled_from([2_500, 5_000, 10_000]),
    st.integers(0, 3),
)
WANTS = st.builds(
    Requirement,
    st.none() | st.integers(-1_000, 1_000),
    st.sampled_from([1, 5_000, 10_000]),
    st.booleans(),
    st.lists(st.sampled_from(["bob", "dan"]), unique=True),
    st.frozensets(st.sampled_from(["ann", "cyd"])),
    st.floats(0, 20),
)


@given(st.lists(CANDIDATES, max_size=8), WANTS)
def test_nothing_that_may_be_taken_is_better_than_the_best(offers, want):
    found = best(offers, want, 100)
    allowed = [item for item in offers if want.refusal(item, 100) is None]
    assert (found is None) is (not allowed)
    if found is None:
        return
    assert found in allowed
    same_size = [item for item in allowed if not want.larger_first or item.part == found.part]
    assert all(found.price * item.part <= item.price * found.part for item in same_size)
    if want.larger_first:
        assert found.part == max(item.part for item in allowed)


@given(st.lists(CANDIDATES, max_size=6, unique=True), WANTS, st.randoms())
def test_the_order_of_the_answers_decides_nothing(offers, want, random):
    shuffled = list(offers)
    random.shuffle(shuffled)
    assert ranked(shuffled, want, 100) == ranked(offers, want, 100)


@given(CANDIDATES, WANTS)
def test_what_is_taken_keeps_to_every_requirement(item, want):
    if want.refusal(item, 100) is not None:
        return
    assert item.peer not in want.excluded
    assert item.part >= want.minimum_part
    assert item.expires_at > 100 + want.spare
    assert want.limit_price is None or item.price * 10_000 <= want.limit_price * item.part


def test_equal_prices_go_by_size_then_preference_then_life():
    half, whole = Candidate("ann", 50, 120, 5_000), Candidate("bob", 100, 120)
    assert best([half, whole], Requirement(minimum_part=1), 100) is whole
    other, longer = Candidate("ann", 100, 120), Candidate("cyd", 100, 125)
    assert best([whole, other], Requirement(preference=("bob",)), 100) is whole
    assert best([whole, other, longer], Requirement(preference=("bob", "ann")), 100) is whole
    assert best([whole, other, longer], Requirement(), 100) is longer


def test_a_seller_wants_the_lowest_price_too():
    low, high = Candidate("ann", -101, 120), Candidate("bob", -100, 120)
    assert best([low, high], Requirement(), 100) is low
    assert best([low, high], Requirement(limit_price=-102), 100) is None


def test_a_refusal_says_why():
    item = Candidate("ann", 60, 105, 5_000)
    for want, said in (
        (Requirement(excluded=frozenset({"ann"})), "excluded"),
        (Requirement(), "5000 of 10000"),
        (Requirement(limit_price=119, minimum_part=1), "limit of 59 for 5000"),
        (Requirement(minimum_part=1, spare=5), "good for 5 s more"),
    ):
        assert said in str(want.refusal(item, 100))
    assert "expired 2 s ago" in str(Requirement(minimum_part=1).refusal(item, 107))


def test_every_alternative_of_an_offer_is_a_candidate():
    offer = Offer("0" * 32, 4, OTHER, (Alternative(100, 9, 200), Alternative(49, 9, 200, 5_000)), 150)
    whole, half = candidates("bob", offer)
    assert whole == Candidate("bob", 100, 150, 10_000, 4, 0)
    assert half == Candidate("bob", 49, 150, 5_000, 4, 1)


@pytest.mark.parametrize("wrong", [{"minimum_part": 0}, {"minimum_part": 10_001}, {"spare": -1.0}])
def test_a_requirement_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(InvalidField):
        Requirement(**wrong)
