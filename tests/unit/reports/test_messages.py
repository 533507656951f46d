"""Messages cannot be built wrong, and pack as the contract reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reports.strategies import batches, slices, values

from peersettle.errors import InvalidField
from peersettle.reports import Batch, Feed, Observation, OracleDomain, Report, SurfaceReport, SurfaceSlice
from peersettle.spec.oracle_surfaces import Slice
from peersettle.types import Address

FEED = Feed("ETH/USD")


@given(slices())
def test_a_slice_is_read_off_its_word(item):
    assert SurfaceSlice.from_packed(item.packed) == item
    assert item.packed < 2**254


@given(slices())
def test_the_specification_reads_the_same_slice(item):
    fields = ("expiry", "a", "b", "rho", "m", "sigma", "forward_ratio")
    read = Slice.of(item.packed)
    assert [getattr(read, name) for name in fields] == [getattr(item, name) for name in fields]


@given(values, st.integers(0, 2047))
def test_an_observation_packs_into_130_bits(value, spread):
    packed = Observation(FEED, value, spread).packed
    assert (packed % 2**87, packed >> 119, packed >> 130) == (value, spread, 0)
    assert packed >> 87 & 2**32 - 1 == 0


@given(batches())
def test_a_batch_has_49_bytes_for_each_feed(batch):
    data = batch.items
    assert len(data) == 49 * len(batch.observations)
    for place, item in enumerate(batch.observations):
        part = data[49 * place : 49 * place + 49]
        assert Feed.from_id(part[:32]) == item.feed
        assert int.from_bytes(part[32:], "big") == item.packed


@pytest.mark.parametrize("value", [0, -1, 2**87, True])
def test_a_value_is_positive_and_below_two_to_the_87(value):
    for make in (lambda: Report(FEED, value, 15), lambda: Observation(FEED, value)):
        with pytest.raises(InvalidField):
            make()


@pytest.mark.parametrize("time", [1, 14, 16, -15, 2**32 + 14])
def test_a_message_is_of_a_slot(time):
    for make in (
        lambda: Report(FEED, 5, time),
        lambda: Batch((Observation(FEED, 5),), time),
        lambda: SurfaceReport(FEED, (SurfaceSlice(2**32 - 1, 1, 2, 3, 4, 5, 6),), time),
    ):
        with pytest.raises(InvalidField):
            make()


@pytest.mark.parametrize("spread", [-1, 2048])
def test_a_spread_has_eleven_bits(spread):
    with pytest.raises(InvalidField):
        Observation(FEED, 5, spread)


@pytest.mark.parametrize(
    "items",
    [(), (Observation(FEED, 5),) * 2, tuple(Observation(Feed(f"F{n}"), 5) for n in range(25))],
    ids=["none", "twice", "25"],
)
def test_a_batch_has_1_to_24_different_feeds(items):
    with pytest.raises(InvalidField):
        Batch(items, 15)


@pytest.mark.parametrize("field", ["a", "b", "rho", "m", "sigma", "forward_ratio"])
@pytest.mark.parametrize("value", [2**36, -(2**36) - 1, 0.5])
def test_a_parameter_has_37_bits(field, value):
    fields = {"expiry": 5, "a": 0, "b": 0, "rho": 0, "m": 0, "sigma": 0, "forward_ratio": 0}
    with pytest.raises(InvalidField):
        SurfaceSlice(**{**fields, field: value})


@pytest.mark.parametrize("expiries", [(), (15,), (14,), (20, 20), (30, 20), tuple(range(16, 33))], ids=str)
def test_expiries_ascend_after_the_slot_and_are_1_to_16(expiries):
    with pytest.raises(InvalidField):
        SurfaceReport(FEED, tuple(SurfaceSlice(expiry, 1, 2, 3, 4, 5, 6) for expiry in expiries), 15)


@pytest.mark.parametrize("chain_id", [-1, 2**64])
def test_a_domain_is_a_chain_and_an_address(chain_id):
    with pytest.raises(InvalidField):
        OracleDomain(chain_id, Address("0x" + "11" * 20))
    with pytest.raises(InvalidField):
        OracleDomain(1, Address("0x11"))
