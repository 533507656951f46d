"""One value out of many: no class alone can move it, and every sample left out is named with its reason."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.oracle.world import SLOT, WAD

from peersettle.errors import InputError
from peersettle.oracle.combine import Drop, Heard, Rules, combine, to_wad
from peersettle.oracle.sources import Sample

prices = st.decimals("0.01", "100000", places=6)
near = st.decimals("1900", "2100", places=4)
anything = st.one_of(
    prices,
    st.sampled_from([Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "0", "-1", "1e-30", "1e30")]),
    st.decimals(allow_nan=True, allow_infinity=True),
)


def heard(price, source_class, source=None, observed_at=SLOT, max_age=60):
    return Heard(source or source_class, source_class, Sample(Decimal(str(price)), observed_at), max_age)


def classes(*values):
    return [heard(value, f"c{n}") for n, value in enumerate(values)]


def value_of(samples) -> Any:
    return combine(samples, SLOT).value


def reasons(combined):
    return {item.source: item.reason for item in combined.dropped}


def test_the_value_is_the_median_of_the_classes():
    assert combine(classes(100, 102, 101), SLOT).value == 101 * WAD
    assert combine(classes(100, 102, 101, 103), SLOT).value == Decimal("101.5") * WAD


def test_a_class_counts_once_however_many_sources_it_has():
    crowd = [heard(200, "crowd", f"crowd{n}") for n in range(20)]
    combined = combine([*crowd, *classes(100, 101, 100.5)], SLOT)
    assert 100 * WAD <= value_of([*crowd, *classes(100, 101, 100.5)]) <= 101 * WAD
    assert {combined.dropped[n].source_class for n in range(20)} == {"crowd"}


def test_two_classes_make_no_value_however_many_sources_they_have():
    samples = [heard(100, f"c{n % 2}", f"s{n}") for n in range(10)]
    combined = combine(samples, SLOT)
    assert combined.value is None
    assert "2 of the 3 classes" in combined.problem
    with pytest.raises(InputError):
        Rules(min_classes=2)


def test_what_is_left_out_is_named_with_its_reason():
    bad = [
        heard("NaN", "nan"),
        heard("Infinity", "infinite"),
        heard(0, "zero"),
        heard(-5, "negative"),
        heard(100, "old", observed_at=SLOT - 61),
        heard(100, "early", observed_at=SLOT + 6),
        heard("1e30", "huge"),
        heard("1e-30", "tiny"),
        heard(100_000, "thousandfold"),
    ]
    combined = combine([*bad, *classes(100, 100, 100, 100)], SLOT)
    assert combined.value == 100 * WAD
    assert reasons(combined) == {
        "nan": Drop.NOT_FINITE,
        "infinite": Drop.NOT_FINITE,
        "zero": Drop.NOT_POSITIVE,
        "negative": Drop.NOT_POSITIVE,
        "old": Drop.STALE,
        "early": Drop.FUTURE,
        "huge": Drop.ABSURD,
        "tiny": Drop.ABSURD,
        "thousandfold": Drop.OUTLIER,
    }


def test_values_that_agree_exactly_make_no_outlier_of_one_that_nearly_does():
    combined = combine(classes(100, 100, 100, "100.4"), SLOT)
    assert combined.dropped == ()
    assert combine(classes(100, 100, 100, "100.6"), SLOT).dropped[0].reason is Drop.OUTLIER


def test_a_lie_inside_a_class_is_left_out_and_the_class_stays():
    venue = [heard(100, "venue", "spot"), heard(100_000, "venue", "broken")]
    combined = combine([*venue, *classes(100, 101)], SLOT)
    assert combined.value == 100 * WAD
    assert reasons(combined) == {"broken": Drop.OUTLIER}


def test_a_market_without_a_common_price_has_no_value():
    combined = combine(classes(100, 100, 200, 200), SLOT)
    assert combined.value is None
    assert "disagree" in combined.problem


def test_liars_do_not_win_by_making_honest_values_look_like_outliers():
    combined = combine(classes(90, 91, 100, 101, 101), SLOT)
    assert combined.value == 100 * WAD  # the survivors' own median would be the liars' 101


@given(st.lists(near, min_size=3, max_size=8), st.lists(anything, max_size=5))
def test_one_class_whatever_it_says_cannot_move_the_value_outside_the_others_range(others, lies):
    samples = classes(*others)
    liar = [heard(lie, "liar", f"liar{n}") for n, lie in enumerate(lies)]
    value = value_of([*liar, *samples])
    assert value is None or (to_wad(min(others)) or 0) <= value <= (to_wad(max(others)) or 0)


@given(st.data(), st.integers(3, 9))
def test_fewer_than_half_of_the_classes_lying_together_cannot_either(data, count):
    liars = (count - 1) // 2
    truth = data.draw(st.lists(prices, min_size=count - liars, max_size=count - liars))
    aims = st.one_of(anything, st.sampled_from([max(truth) * Decimal("1.0001"), min(truth) * Decimal("0.9999")]))
    lies = data.draw(st.lists(aims, min_size=liars, max_size=liars))
    value = value_of([*classes(*truth), *(heard(lie, f"liar{n}") for n, lie in enumerate(lies))])
    assert value is None or (to_wad(min(truth)) or 0) <= value <= (to_wad(max(truth)) or 0)


def test_one_liar_more_breaks_it_so_the_bound_is_exact():
    combined = combine(classes(100, 101, 101, 150, 150, 150), SLOT)
    assert combined.value is None or combined.value > 101 * WAD
    assert value_of(classes(100, 100, 109, 109)) > 100 * WAD


@given(st.permutations(range(6)), st.lists(near, min_size=6, max_size=6))
def test_the_order_of_the_sources_does_not_matter(order, values):
    samples = classes(*values)
    assert combine(samples, SLOT).value == combine([samples[place] for place in order], SLOT).value


@given(st.lists(near, min_size=3, max_size=8))
def test_prices_twice_as_high_make_a_value_twice_as_high(values):
    before, after = (value_of(classes(*(value * factor for value in values))) for factor in (1, 2))
    assert (before is None) == (after is None)
    assert before is None or abs(after - 2 * before) <= 2
