"""Everything that reporters sign, drawn at random."""

from hypothesis import strategies as st

from peersettle.reports import Batch, Feed, Observation, OracleDomain, Report, SurfaceReport, SurfaceSlice
from peersettle.types import checksummed

addresses = st.binary(min_size=20, max_size=20).filter(any).map(checksummed)
domains = st.builds(OracleDomain, st.integers(1, 2**64 - 1), addresses)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
times = st.integers(0, 2**32 - 1)
values = st.one_of(st.integers(1, 2**87 - 1), st.sampled_from([1, 2**87 - 1, 10**18]))
signatures = st.binary(min_size=64, max_size=65)


@st.composite
def feeds(draw):
    slot = draw(st.one_of(st.integers(1, 2**16 - 1), st.sampled_from([1, 15, 60])))
    age = draw(st.integers(slot, 2**32 - 1))
    return Feed(draw(names), slot, age, draw(st.integers(1, 2**24 - 1)), draw(st.integers(1, 2**24 - 1)))


@st.composite
def reports(draw):
    feed = draw(feeds())
    return Report(feed, draw(values), feed.slot_of(draw(times)))


@st.composite
def batches(draw):
    slot = draw(st.sampled_from([1, 15, 60, 2**16 - 1]))
    chosen = draw(st.lists(names, min_size=1, max_size=24, unique=True))
    spreads = st.integers(0, 2047)
    items = tuple(Observation(Feed(name, slot, 2**16), draw(values), draw(spreads)) for name in chosen)
    return Batch(items, draw(times) // slot * slot)


@st.composite
def slices(draw, expiry=times):
    field = st.one_of(st.integers(-(2**36), 2**36 - 1), st.sampled_from([-(2**36), -1, 0, 1, 2**36 - 1]))
    return SurfaceSlice(draw(expiry), *(draw(field) for _ in range(6)))


@st.composite
def surfaces(draw):
    feed = draw(feeds())
    expiries = sorted(draw(st.lists(st.integers(2**31, 2**32 - 1), min_size=1, max_size=16, unique=True)))
    observed_at = feed.slot_of(draw(st.integers(0, 2**31 - 1)))
    return SurfaceReport(feed, tuple(draw(slices(st.just(expiry))) for expiry in expiries), observed_at)


messages = st.one_of(reports(), batches(), surfaces())
