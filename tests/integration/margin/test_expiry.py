"""At expiry: the fixing, who pays whom, and who is paid for settling others."""

import pytest

from peersettle.risk.instruments import date_text, expiry
from peersettle.types import Account


def fixed_price(stage, day, price):
    """Let half an hour before an expiry pass with this price, up to the expiry itself."""
    for time in range(expiry(day) - 1_350, expiry(day) + 1, 150):
        stage.pass_time(time - stage.chain.block().timestamp)
        stage.sender.send(stage.oracle.update(stage.round(price)))


@pytest.fixture
def traded(peers):
    """The maker is 10 calls short and 5 forwards long, of a week, at 3000."""
    stage = peers.stage
    stage.quote()
    for peer in (peers.maker, peers.taker):
        peer.signs("account", "open", "20000 USDC")
    day = stage.day(7)
    name = f"ETH-{date_text(day)}-3000"
    peers.trades("--give", f"10 {name}-C", "--want", f"1400 cash, 5 {name}-F")
    return peers, day, name


def test_both_are_settled_to_the_last_unit_and_withdraw_everything(traded):
    peers, day, name = traded
    stage, desk, maker, taker = peers.stage, peers.stage.desk, peers.maker, peers.taker
    assert maker.signs("account", "settle-expired")["settled"] == []

    stage.pass_time(expiry(day) - 3_600 - stage.chain.now())
    fixed_price(stage, day, 3100)
    said = maker.signs("account", "settle-expired")
    assert said["settled"] == [f"{name}-C"]
    assert [text.split()[0] for text in said["waiting"]] == [f"{name}-F"]
    assert len(said["transactions"]) == 2  # the fixing, then the settling, which pays who sends it
    assert desk.risk.fixing(0, day) == 3100 * 10**18
    # The call is paid; the forward waits until the other side has paid.
    assert desk.ledger.head(Account(maker.address)).cash == (20_000 + 1_400 - 1_000) * 10**18

    said = maker.signs("account", "settle-expired", maker.address, taker.address)
    assert (len(said["transactions"]), said["waiting"]) == (1, [])
    cash = {peer.key: desk.ledger.head(Account(peer.address)).cash for peer in (maker, taker)}
    # 10 calls and 5 forwards of 100 each; the taker's two positions pay 0.5 each to the maker, who settles them.
    assert cash == {"maker": 20_901 * 10**18, "taker": 19_099 * 10**18}
    assert maker.signs("account", "settle-expired")["settled"] == []
    for peer in (maker, taker):
        peer.signs("account", "withdraw", f"{cash[peer.key] // 10**18} USDC")
        assert peer.does("account", "show", peer.address)["markets"] == []
    usdc = stage.token("USDC")
    assert usdc.balance(maker.address) == (50_000 + 901) * 10**6
    assert usdc.balance(taker.address) == (50_000 - 901) * 10**6


def test_what_has_no_fixing_yet_waits_and_says_why(traded):
    peers, day, name = traded
    stage = peers.stage
    stage.pass_time(expiry(day) + 60 - stage.chain.now())
    said = peers.maker.signs("account", "settle-expired")
    assert said["transactions"] == []
    assert any(f"{name}-C" in text and "observed" in text for text in said["waiting"])
    shown = peers.maker.does("account", "show", peers.maker.address)
    assert shown["health"]["status"]
