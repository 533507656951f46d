"""Parameters as people write them and as the contract packs them: nothing is lost, nothing out of bounds is built."""

from dataclasses import astuple, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.errors import InvalidField
from peersettle.reports import Feed
from peersettle.risk.parameters import FIELDS, PACKED_BITS, Q16, MarketTerms, RiskParameters
from peersettle.types import ZERO_ADDRESS, Address

SPOT, SURFACE = Feed("ETH/USD").id, Feed("ETH/SVI").id
TOKEN = Address("0x" + "11" * 20)

parameters = st.builds(RiskParameters, *(st.integers(field.least, field.most) for field in FIELDS))


def written(**changes):
    fields = {
        "scan": "15",
        "band": "0.5",
        "shock": "30",
        "basis": "1",
        "initial_factor": "125",
        "risk_rate": "50",
        "risk_scale": 5_000_000,
        "gain_cap": 250_000,
        "spot_age": 120,
        "surface_age": 900,
        "epoch_age": 300,
        "position_charge": "2.5",
    }
    return RiskParameters.from_percentages(**{**fields, **changes})


# The word


def test_the_word_is_laid_out_from_bit_zero():
    fields = {field.name: field.least for field in FIELDS}
    word = RiskParameters(**fields).pack()
    places = (0, 16, 32, 48, 64, 80, 96, 136, 176, 192, 208, 224)
    for field, place in zip(FIELDS, places, strict=True):
        changed = RiskParameters(**{**fields, field.name: field.most}).pack()
        assert changed - word == field.most - field.least << place
    assert PACKED_BITS == 248


@given(parameters)
def test_a_word_is_read_back(given):
    word = given.pack()
    assert word < 2**PACKED_BITS
    assert RiskParameters.unpack(word) == given


@given(st.integers(0, 2**256 - 1))
def test_a_word_that_is_read_was_packed(word):
    try:
        read = RiskParameters.unpack(word)
    except InvalidField:
        return
    assert read.pack() == word


@pytest.mark.parametrize("word", [0, -1, 2**256, written().pack() | 1 << 248, written().pack() | 1 << 255, "5", True])
def test_other_words_are_refused(word):
    with pytest.raises(InvalidField):
        RiskParameters.unpack(word)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_bounds_are_inclusive_and_hold(field):
    for value in (field.least, field.most):
        assert getattr(replace(written(), **{field.name: value}), field.name) == value
    for value in (field.least - 1, field.most + 1, 1.5, None, True):
        with pytest.raises(InvalidField) as refused:
            replace(written(), **{field.name: value})
        assert refused.value.values["field"] == field.name


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("scan", "0.02", "0.50"), ("band", "0.001", "0.05"), ("shock", "0.05", "0.45"), ("basis", "0", "0.05")],
)
def test_fractions_are_rounded_into_their_decimal_bounds(name, least, most):
    """The bounds are the outermost values in 1/65536 that do not pass the decimal ones."""
    rule = next(field for field in FIELDS if field.name == name)
    assert Fraction(rule.least, Q16) >= Fraction(least) > Fraction(rule.least - 1, Q16)
    assert Fraction(rule.most, Q16) <= Fraction(most) < Fraction(rule.most + 1, Q16)


def test_scan_and_band_never_exceed_55_percent():
    most = {field.name: field.most for field in FIELDS}
    assert Fraction(most["scan"] + most["band"], Q16) <= Fraction("0.55")


# What people write


def test_percentages_become_the_nearest_value():
    found = written()
    assert found.scan == 9_830  # 9830.4
    assert found.band == 328  # 327.68
    assert found.shock == 19_661  # 19660.8
    assert found.initial_factor == 1_250
    assert found.risk_rate == 32_768
    assert found.position_charge == 25_000
    assert written(scan=15, band=Decimal("0.5"), position_charge="2.5000") == found


@given(parameters)
def test_percentages_are_read_back(given):
    assert RiskParameters.from_percentages(**given.to_percentages()) == given


def test_percentages_are_what_was_written_to_a_thousandth():
    said = written().to_percentages()
    for name, meant in (("scan", 15), ("band", "0.5"), ("shock", 30), ("basis", 1), ("risk_rate", 50)):
        assert abs(Decimal(said[name]) - Decimal(meant)) <= Decimal("0.001")
    assert (said["initial_factor"], said["position_charge"]) == ("125", "2.5")


@pytest.mark.parametrize(
    ("name", "percentage", "value"),
    [
        ("scan", "2", 1_311),
        ("scan", "50", 32_768),
        ("band", "0.1", 66),
        ("band", "5", 3_276),
        ("shock", "5", 3_277),
        ("shock", "45", 29_491),
        ("basis", "5", 3_276),
        ("basis", "0", 0),
        ("risk_rate", "100", 65_535),
    ],
)
def test_a_percentage_at_a_bound_can_be_written(name, percentage, value):
    assert getattr(written(**{name: percentage}), name) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"scan": "1.99"},
        {"scan": "50.01"},
        {"band": "5.01"},
        {"band": "0.09"},
        {"shock": "4.99"},
        {"risk_rate": "101"},
        {"basis": "-1"},
        {"scan": "nan"},
        {"scan": "much"},
        {"initial_factor": "104.9"},
        {"initial_factor": "125.01"},
        {"initial_factor": "300.1"},
        {"position_charge": "0.00001"},
        {"position_charge": "100.0001"},
        {"risk_scale": 999},
        {"gain_cap": 2**40},
        {"epoch_age": 59},
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(changes):
    with pytest.raises(InvalidField) as refused:
        written(**changes)
    assert refused.value.values["field"] in changes


# Terms


def test_terms_as_people_write_them():
    terms = MarketTerms.of(SPOT, SURFACE, lot="0.001", tick=10, token=TOKEN, decimals=6)
    assert astuple(terms) == (SPOT, SURFACE, TOKEN, 10**12, 10**15, 10**19)
    assert terms.to_abi() == astuple(terms)
    assert terms.decimals == 6
    assert MarketTerms(*terms.to_abi()) == terms


def test_a_market_needs_no_token():
    terms = MarketTerms.of(SPOT, SURFACE, lot=1, tick=1)
    assert (terms.token, terms.token_scale, terms.decimals) == (ZERO_ADDRESS, 0, None)


@given(st.integers(0, 18))
def test_decimals_are_read_off_the_scale(decimals):
    assert MarketTerms.of(SPOT, SURFACE, lot=1, tick=1, token=TOKEN, decimals=decimals).decimals == decimals


@pytest.mark.parametrize(
    "changes",
    [
        {"spot_feed": bytes(32)},
        {"surface_feed": bytes(32)},
        {"spot_feed": b"ETH"},
        {"token": "0x12"},
        {"token": ZERO_ADDRESS},
        {"token_scale": 0},
        {"token_scale": 10**19},
        {"token_scale": 11},
        {"lot": 10**5},
        {"lot": 10**25},
        {"lot": 2 * 10**15},
        {"lot": 10**15 + 10**3},
        {"lot": 0},
        {"tick": 10**7},
        {"tick": 10**22},
        {"tick": 5 * 10**18},
        {"tick": 1.0},
    ],
)
def test_terms_out_of_range_are_refused(changes):
    good = MarketTerms(SPOT, SURFACE, TOKEN, 10**12, 10**15, 10**19)
    with pytest.raises(InvalidField):
        replace(good, **changes)


@pytest.mark.parametrize(
    "changes", [{"decimals": None}, {"token": None}, {"decimals": 19}, {"decimals": -1}, {"lot": "0.002"}, {"tick": -1}]
)
def test_terms_that_cannot_be_meant_are_refused(changes):
    with pytest.raises(InvalidField):
        MarketTerms.of(SPOT, SURFACE, **{"lot": 1, "tick": 1, "token": TOKEN, "decimals": 6, **changes})
