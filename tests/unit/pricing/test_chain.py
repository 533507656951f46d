"""A chain file is read whole, or refused with the line and the value that is wrong."""

import pytest
from tests.unit.pricing.chains import NOW, SPOT, as_csv, as_rows, chain_of, known_surface

from peersettle.errors import InputError, InvalidField
from peersettle.pricing import read_chain
from peersettle.pricing.chain import COLUMNS


@pytest.fixture
def chain():
    return chain_of(known_surface(), strikes=(-1, 0, 1))


def edited(chain, **fields):
    rows = as_rows(chain)
    rows[3] |= fields
    return as_csv(rows)


def test_what_was_written_is_read(chain):
    read = read_chain(as_csv(as_rows(chain)))
    assert (read.observed_at, read.spot) == (NOW, SPOT)
    assert set(read.quotes) == set(chain.quotes)
    assert read.expiries == tuple(sorted({quote.expiry for quote in chain.quotes}))


@pytest.mark.parametrize("column", [*COLUMNS, "T_years"])
def test_a_missing_column_is_named(chain, column):
    with pytest.raises(InputError, match=f"lacks {column};"):
        read_chain(as_csv(as_rows(chain), [name for name in (*COLUMNS, "T_years") if name != column]))


def test_with_the_time_of_observation_given_years_are_not_needed(chain):
    read = read_chain(as_csv(as_rows(chain), COLUMNS), observed_at=NOW - 60)
    assert read.observed_at == NOW - 60


@pytest.mark.parametrize("text", ["", "\n", ",".join([*COLUMNS, "T_years"]) + "\n"])
def test_an_empty_chain_is_refused(text):
    with pytest.raises(InputError, match="option chain"):
        read_chain(text)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mark_price_eth", "-0.01"),
        ("mark_price_eth", "nan"),
        ("mark_price_eth", "inf"),
        ("mark_price_eth", "n/a"),
        ("strike", "0"),
        ("strike", ""),
        ("strike", "-100"),
        ("underlying_price", "NaN"),
        ("underlying_price", "0"),
        ("index_price", "x"),
        ("type", "call"),
        ("expiry_ts", "1700000000.5"),
        ("expiry_ts", "soon"),
        ("T_years", "-0.1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_line(chain, column, value):
    with pytest.raises(InvalidField) as refused:
        read_chain(edited(chain, **{column: value}))
    assert refused.value.values["field"] == f"line 5 {column}"
    assert refused.value.values["value"] == value


def test_a_short_line_is_refused(chain):
    with pytest.raises(InvalidField, match="line 26 type is None"):
        read_chain(as_csv(as_rows(chain), (*COLUMNS, "T_years")) + "1700172800,100\n")


def test_an_option_that_is_listed_twice_is_refused(chain):
    rows = as_rows(chain)
    with pytest.raises(InvalidField, match=r"line 26 strike .* listed twice"):
        read_chain(as_csv([*rows, rows[0]]))


def test_an_option_without_a_mark_is_left_out(chain):
    assert len(read_chain(edited(chain, mark_price_eth="")).quotes) == len(chain.quotes) - 1


def test_rows_of_different_moments_are_refused(chain):
    with pytest.raises(InputError, match="different moments"):
        read_chain(edited(chain, T_years="1.5"))
