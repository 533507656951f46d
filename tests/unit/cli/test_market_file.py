"""A market's description: the examples that are shown can be used as they are."""

import re
from pathlib import Path

import pytest

from peersettle.config import market as market_module
from peersettle.config.market import load_market, load_risk
from peersettle.errors import InvalidDocument, InvalidField
from peersettle.types import checksummed

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "trade-with-margin.md"
TOKEN = checksummed(b"\x11" * 20)


def shown():
    (block,) = re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    return block


def docstring():
    return str(market_module.__doc__).partition("\n\n")[2]


@pytest.fixture
def write(tmp_path):
    def put(text):
        path = tmp_path / "market.toml"
        path.write_text(text)
        return path

    return put


@pytest.mark.parametrize("text", [shown(), docstring()], ids=["the how-to", "the module"])
def test_an_example_is_a_market(write, text):
    found = load_market(write(text))
    terms = found.terms(TOKEN, 18)
    assert (terms.lot, terms.tick, terms.token) == (10**16, 10 * 10**18, TOKEN)
    assert (found.spot.feed.slot, found.surface.feed.slot) == (15, 300)
    assert found.risk.parameters.initial_factor == 1_300
    assert found.risk.parameters.position_charge == 5_000
    assert load_risk(write(text)) == found.risk.parameters
    alone = text.partition("[risk]")[2]
    assert load_risk(write(alone)) == found.risk.parameters


def test_a_market_may_have_no_collateral(write):
    found = load_market(write(shown().replace('token = "WETH"', "")))
    assert found.token is None
    assert found.terms(None, None).token_scale == 0


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("scan", "skan", InvalidDocument),
        ('"20"', '"twenty"', InvalidField),
        ("epoch_age = 1800", "epoch_age = 5", InvalidField),
        ("[spot]", "[spit]", InvalidDocument),
        ('lot = "0.01"', "lot = true", InvalidDocument),
    ],
)
def test_what_does_not_fit_is_refused(write, old, new, kind):
    path = write(shown().replace(old, new, 1))
    with pytest.raises(kind):
        _ = load_market(path).risk.parameters


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(InvalidDocument, match="cannot read"):
        load_market(tmp_path / "none.toml")
