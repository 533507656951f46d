"""A surface between, before and after its slices, and as plain values."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pricing.chains import DAY, NOW, known_surface

from peersettle.errors import InputError, InvalidField
from peersettle.pricing import Surface

KNOWN = known_surface()
K = np.linspace(-2, 2, 201)
EXPIRIES = st.integers(NOW + 3_600, KNOWN.slices[-1].expiry)


def test_at_a_slice_it_is_the_slice():
    for part in KNOWN.slices:
        w = KNOWN.implied_volatility(part.expiry, K) ** 2 * (part.expiry - NOW) / (365 * DAY)
        assert w == pytest.approx(part.svi.total_variance(K))


@given(EXPIRIES, EXPIRIES)
def test_total_variance_never_falls_with_time(one, other):
    early, late = sorted((one, other))
    assert (KNOWN.total_variance(late, K) - KNOWN.total_variance(early, K) >= -1e-15).all()


@given(st.floats(0.001, 1))
def test_before_the_first_slice_there_is_no_butterfly_either(share):
    first = KNOWN.slices[0].svi
    scaled = replace(first, a=first.a * share, b=first.b * share)
    assert scaled.durrleman(K).min() >= 0


@pytest.mark.parametrize("days", [0.5, 400])
def test_outside_its_expiries_each_k_keeps_its_volatility(days):
    edge = KNOWN.slices[0 if days < 1 else -1].expiry
    assert KNOWN.implied_volatility(NOW + int(days * DAY), K) == pytest.approx(KNOWN.implied_volatility(edge, K))


@pytest.mark.parametrize("expiry", [NOW, NOW - 1])
def test_the_past_has_no_volatility(expiry):
    with pytest.raises(InvalidField, match="expiry"):
        KNOWN.implied_volatility(expiry, 0.0)


def test_it_goes_through_json_unchanged():
    assert Surface.from_json(json.loads(json.dumps(KNOWN.to_json()))) == KNOWN


@pytest.mark.parametrize("data", [{}, {"observed_at": 1}, {"observed_at": 1, "slices": [{"expiry": 2}]}, {"slices": 3}])
def test_what_is_no_surface_is_refused(data):
    with pytest.raises(InputError, match="no surface"):
        Surface.from_json(data)


def test_slices_out_of_order_in_the_past_or_without_a_forward_are_refused():
    for wrong in (KNOWN.slices[::-1], (KNOWN.slices[0],) * 2, ()):
        with pytest.raises(InvalidField):
            Surface(NOW, wrong)
    with pytest.raises(InvalidField, match="expiry"):
        Surface(KNOWN.slices[0].expiry, KNOWN.slices)
    with pytest.raises(InvalidField, match="forward_ratio"):
        Surface(NOW, (replace(KNOWN.slices[0], forward_ratio=0.0),))
