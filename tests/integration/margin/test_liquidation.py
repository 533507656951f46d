"""An account falls below maintenance, and others buy it by the command; the pool behind all accounts."""

import pytest
from tests.integration.margin.test_trading import call_of

from peersettle.chain import fund

ETHER = 10**18


@pytest.fixture
def bidder(peers, new_peer):
    peer = new_peer("bidder", peers.stage.directory, peers.stage.chain.url)
    fund(peers.stage.chain, peer.address, 10 * ETHER)
    peers.stage.fund(peer.address, usdc="100000")
    peer.signs("account", "open", "50000 USDC")
    peer.signs("account", "open", "40000 USDC", "--sub", 1)
    return peer


@pytest.fixture
def fallen(peers):
    """The maker has sold 22 calls with 20,000 behind them; at 3,400 that is too little."""
    peers.stage.quote()
    peers.maker.signs("account", "open", "20000 USDC")
    peers.taker.signs("account", "open", "20000 USDC")
    peers.trades("--give", f"22 {call_of(peers, ahead=30)}", "--want", "5000 cash")
    assert peers.maker.does("auction", "show", peers.maker.address)["fraction"] == "0"
    for _ in range(2):
        peers.stage.pass_time(60)
        peers.stage.report(3_400)
    peers.stage.surface([peers.stage.day(30)])
    peers.stage.report(3_400)
    yield peers
    peers.stage.report(3_000)
    peers.stage.pass_time(60)
    peers.stage.report(3_000)


def test_a_part_is_sold_and_the_account_has_enough_again(fallen, bidder):
    who = fallen.maker.address
    refused = bidder.fails(9, "auction", "end", who, "--key", "bidder")
    assert refused["error"] == "NoAuction"
    bidder.signs("auction", "start", who)
    shown = bidder.does("auction", "show", who)
    assert shown["live"]
    assert 0 < float(shown["fraction"]) < 1
    assert float(shown["equity"]) < float(shown["maintenance"])
    assert bidder.fails(9, "auction", "bid", who, "--limit", "0", "--key", "bidder")["error"] == "PriceBeyondLimit"
    bought = bidder.signs("auction", "bid", who)
    assert float(bought["equity"]) > float(bought["initial"]) > 0
    after = bidder.does("auction", "show", who)
    assert (after["fraction"], after["live"]) == ("0", False)
    assert float(after["equity"]) > float(after["maintenance"])
    assert bidder.fails(9, "auction", "bid", who, "--key", "bidder")["error"] == "StillHealthy"
    assert bidder.fails(2, "auction", "bid", who, "--most", "many", "--key", "bidder")["error"] == "InvalidField"


def test_all_of_it_is_taken_over_at_the_last_price(fallen, bidder):
    who = fallen.maker.address
    assert bidder.fails(9, "auction", "take-over", who, "--into", 1, "--key", "bidder")["error"] == "OnlyPart"
    bidder.signs("auction", "start", who)
    assert bidder.fails(9, "auction", "rescue", who, "--key", "bidder")["error"] == "StillBidding"
    fallen.stage.pass_time(601)
    fallen.stage.report(3_400)
    before = float(bidder.does("auction", "show", who)["equity"])
    bidder.signs("auction", "take-over", who, "--into", 1)
    left = bidder.does("account", "show", who)
    assert left["markets"] == []
    assert before / 2 <= float(left["cash"]) < before


def test_the_pool_is_joined_and_left(peers, bidder):
    joined = bidder.signs("backstop", "deposit", "1000 USDC")
    assert 0 < float(joined["shares"]) <= 1_000
    asked = bidder.signs("backstop", "leave", "--shares", "200")
    assert asked["shares"] == "200"
    assert bidder.fails(9, "backstop", "redeem", "--key", "bidder")["error"] == "NoNotice"
    peers.stage.pass_time(asked["ready_at"] - peers.stage.chain.now())
    got = int(bidder.signs("backstop", "redeem")["cash"])
    assert got == pytest.approx(200 * 10**18, rel=0.01)  # and a part of the fees
    shown = bidder.does("backstop", "show", bidder.address)
    assert float(shown["owner"]["shares"]) == pytest.approx(float(joined["shares"]) - 200)
    assert float(shown["worth_at_least"]) <= float(shown["worth_at_most"])
    bidder.signs("backstop", "leave")
    bidder.signs("backstop", "stay")
    assert bidder.does("backstop", "show", bidder.address)["owner"]["leaving"] == "0"
