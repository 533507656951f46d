"""With reporters in the settings the command fetches the price that a trade needs, and puts it in front by itself."""

from types import SimpleNamespace

import pytest

from peersettle.errors import SourceError
from peersettle.risk.instruments import date_text

PEERS = '["http://127.0.0.1:9"]'


@pytest.fixture
def reporters(stage, monkeypatch):
    """Answers in place of the reporters that are named; what has been asked for is kept."""
    asked = []

    async def fetch(_oracle, feeds, urls, **_):
        asked.append((tuple(feed.name for feed in feeds), tuple(urls)))
        if answers.price is None:
            raise SourceError("too few reporters answer", kind="no_round")
        return [stage.round(answers.price)]

    answers = SimpleNamespace(price="3000", calls=asked)
    monkeypatch.setattr("peersettle.oracle.pull.fetch_rounds", fetch)
    return answers


@pytest.fixture
def opened(peers):
    stage = peers.stage
    stage.quote()
    for peer in (peers.maker, peers.taker):
        peer.environ["PEERSETTLE__ORACLE__PEERS"] = PEERS
        peer.signs("account", "open", "20000 USDC")
    return peers


def name_of(peers):
    return f"ETH-{date_text(peers.stage.day(7))}-3000-C"


def test_a_stale_price_is_fetched_and_the_trade_settles_in_one_transaction(opened, reporters):
    stage, chain = opened.stage, opened.stage.chain
    stage.pass_time(400)
    reporters.price = "3050"
    nonce = chain.nonce(opened.taker.address)
    assert opened.trades("--give", f"10 {name_of(opened)}", "--want", "1400 cash")["status"] == "included"
    assert chain.nonce(opened.taker.address) == nonce + 1
    assert (("ETH/USD",), ("http://127.0.0.1:9",)) in reporters.calls
    assert stage.desk.risk.spot(0) == 3050 * 10**18


def test_a_fresh_price_asks_nobody(opened, reporters):
    opened.trades("--give", f"1 {name_of(opened)}", "--want", "140 cash")
    assert reporters.calls == []


def test_an_account_is_shown_at_the_price_that_the_reporters_have(opened, reporters):
    opened.trades("--give", f"1 {name_of(opened)}", "--want", "140 cash")
    opened.stage.pass_time(400)
    reporters.price = "3115"
    shown = opened.maker.does("account", "show", opened.maker.address)
    assert (shown["markets"][0]["reference"], shown["markets"][0]["usable"]) == ("3115", True)
    assert opened.stage.desk.risk.spot(0) == 0  # nothing was sent


def test_a_price_that_nobody_has_stops_a_trade_before_it_is_sent(opened, reporters):
    opened.stage.pass_time(400)
    reporters.price = None
    opened.maker.signs("quote", "--give", f"1 {name_of(opened)}", "--to", opened.taker.address, "--out", "q.json")
    path = opened.taker.home / "q.json"
    path.write_bytes((opened.maker.home / "q.json").read_bytes())
    assert opened.taker.fails(8, "accept", path, "--send", "--key", "taker")["error"] == "SourceError"
