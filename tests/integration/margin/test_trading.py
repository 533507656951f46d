"""Two peers trade options and forwards through the command, and their accounts show what the contracts count."""

import pytest
from tests.integration.cli.conftest import mailed

from peersettle.risk.instruments import date_text
from peersettle.types import Account


@pytest.fixture
def opened(peers):
    """Both have an account with cash; the maker has collateral, too."""
    peers.maker.signs("account", "open", "20000 USDC", "5 WETH")
    peers.taker.signs("account", "open", "20000 USDC")
    return peers


def call_of(peers, ahead=7, kind="C", strike=3000):
    return f"ETH-{date_text(peers.stage.day(ahead))}-{strike}-{kind}"


def test_an_account_opens_by_permit_and_only_once(peers):
    said = peers.maker.signs("account", "open", "20000 USDC", "5 WETH")
    assert said["account"] == peers.maker.address
    assert len(said["transactions"]) == 2  # no approval went out: the permits were signed
    settlement = peers.stage.deployment.settlement
    assert peers.stage.token("USDC").allowance(peers.maker.address, settlement) == 0
    shown = peers.maker.does("account", "show", peers.maker.address)
    assert (shown["cash"], shown["markets"][0]["collateral"]) == ("20000", "5")
    error = peers.maker.fails(2, "account", "open", "1 USDC", "--key", "maker")
    assert "open already" in error["message"]
    assert peers.maker.signs("account", "open", "1 USDC", "--sub", 1)["account"] == f"{peers.maker.address}/1"


def test_a_deposit_uses_the_allowance_where_there_is_one_and_anybody_may_bring_cash(opened):
    peers, usdc = opened, opened.stage.token("USDC")
    peers.taker.signs("approve", "100 USDC")
    peers.taker.signs("account", "deposit", "100 USDC", "--for", peers.maker.address)
    assert usdc.allowance(peers.taker.address, peers.stage.deployment.settlement) == 0
    assert peers.maker.does("account", "show", peers.maker.address)["cash"] == "20100"
    stranger = peers.taker.fails(
        9, "account", "deposit", "1 WETH", "--for", f"{peers.maker.address}/7", "--key", "taker"
    )
    assert stranger["error"] == "NotOwner"
    assert peers.taker.fails(9, "account", "deposit", "40000 USDC", "--key", "taker")["error"] == "TokenReverted"


def test_a_call_against_a_premium_and_a_forward_are_traded_by_name(opened):
    peers, option = opened, call_of(opened)
    peers.taker.signs("approve", "1400 USDC")
    settled = peers.trades("--give", f"10 {option}", "--want", "1400 USDC")
    assert settled["status"] == "included"
    peers.trades("--want", f"5 {call_of(peers, kind='F')}", "--give", "10 cash")
    mine, theirs = (peer.does("account", "show", peer.address) for peer in (peers.maker, peers.taker))
    assert (mine["cash"], theirs["cash"]) == ("19990", "20010")
    units = {p["instrument"]: p["units"] for p in mine["markets"][0]["positions"]}
    assert units == {option: "-10", call_of(peers, kind="F"): "5"}
    for a, b in zip(mine["markets"][0]["positions"], theirs["markets"][0]["positions"], strict=True):
        assert a["mark"] == b["mark"]
        assert a["delta"] == pytest.approx(-b["delta"])
    (volatility,) = (p["volatility"] for p in mine["markets"][0]["positions"] if p["instrument"] == option)
    assert volatility == pytest.approx(0.8, abs=0.005)
    assert len(mine["markets"][0]["ladder"]) == 14


def test_collateral_is_bought_inside_the_ledger(opened):
    opened.trades("--give", "1.5 ETH collateral", "--want", "4500 cash")
    mine, theirs = (peer.does("account", "show", peer.address) for peer in (opened.maker, opened.taker))
    assert (mine["cash"], mine["markets"][0]["collateral"]) == ("24500", "3.5")
    assert (theirs["cash"], theirs["markets"][0]["collateral"]) == ("15500", "1.5")


def test_what_is_shown_is_what_the_ledger_counts(opened):
    peers, desk = opened, opened.stage.desk
    peers.trades("--give", f"10 {call_of(peers)}", "--want", "1400 cash")
    for peer in (peers.maker, peers.taker):
        shown = peer.does("account", "show", peer.address)["health"]
        counted = desk.ledger.health(Account(peer.address))
        for name in ("equity", "maintenance", "initial"):
            assert round(float(shown[name]) * 10**6) == round(getattr(counted, name) / 10**12)


def test_a_preview_says_what_the_trade_then_does(opened):
    peers, option = opened, call_of(opened, strike=3100)
    said = peers.maker.does("account", "preview", "--give", f"20 {option}", "--get", "2000 cash", peers.maker.address)
    assert said["meets_initial_margin"]
    assert float(said["liquidation"]["ETH"]["up"]) > 3000
    peers.trades("--give", f"20 {option}", "--want", "2000 cash")
    shown = peers.maker.does("account", "show", peers.maker.address)["health"]
    for name in ("maintenance", "initial"):
        assert float(shown[name]) == pytest.approx(float(said["after"][name]), rel=1e-4)
    assert float(shown["equity"]) == pytest.approx(float(said["after"]["equity"]), rel=1e-3)
    too_much = peers.maker.does("account", "preview", "--give", f"400 {option}", peers.maker.address)
    assert not too_much["meets_initial_margin"]


def test_a_trade_below_margin_is_refused_whole_and_says_so_before_it_is_sent(opened):
    peers = opened
    option = f"200 {call_of(peers)}"
    peers.taker.signs("approve", "5 USDC")
    peers.maker.signs("quote", "--give", option, "--want", "5 USDC", "--to", peers.taker.address, "--out", "big.json")
    path = mailed(peers.maker, peers.taker, "big.json")
    assert "initial margin" in peers.taker.fails(9, "accept", path, "--send", "--key", "taker")["message"]
    peers.taker.signs("accept", path, "--out", "signed.json")
    report = peers.taker.fails(4, "check", peers.taker.home / "signed.json")
    assert any("initial margin" in problem["text"] for problem in report["problems"])
    assert peers.maker.does("account", "show", peers.maker.address)["markets"][0]["positions"] == []


def test_a_withdrawal_leaves_initial_margin(opened):
    peers = opened
    peers.trades("--give", f"20 {call_of(peers)}", "--want", "2800 cash")
    free = float(peers.taker.does("account", "show", peers.taker.address)["health"]["free"])
    cash = float(peers.taker.does("account", "show", peers.taker.address)["cash"])
    assert 0 < free < cash + 4_000
    assert peers.maker.fails(9, "account", "withdraw", "6 WETH", "--key", "maker")["error"] == "NotEnoughCollateral"
    held = peers.maker.does("account", "show", peers.maker.address)
    most = int(float(held["health"]["free"]))
    if most < float(held["cash"]):
        error = peers.maker.fails(9, "account", "withdraw", f"{most + 50} USDC", "--key", "maker")
        assert error["error"] == "BelowMargin"
    else:
        peers.maker.signs("account", "withdraw", f"{int(float(held['cash']))} USDC")
        error = peers.maker.fails(9, "account", "withdraw", "5 WETH", "--key", "maker")
        assert error["error"] == "BelowMargin"


def test_who_has_no_positions_withdraws_without_a_price(opened):
    peers = opened
    peers.stage.pass_time(7_200)
    left = peers.maker.signs("account", "withdraw", "5 WETH")
    assert left["first"] is None
    peers.maker.signs("account", "withdraw", "20000 USDC", "--to", peers.taker.address)
    shown = peers.maker.does("account", "show", peers.maker.address)
    assert (shown["cash"], shown["markets"]) == ("0", [])
    peers.stage.quote()


def test_a_quote_of_instruments_has_one_taker_and_real_names(opened):
    maker = opened.maker
    option = call_of(opened)
    no_taker = maker.fails(2, "quote", "--give", f"1 {option}", "--want", "5 cash", "--open", "--key", "maker")
    assert "one taker" in no_taker["message"]
    to = ("--to", opened.taker.address, "--key", "maker")
    assert "lot of ETH" in maker.fails(2, "quote", "--give", f"0.001 {option}", *to)["message"]
    unknown = option.replace("ETH", "DOGE")
    assert "there are ETH" in maker.fails(2, "quote", "--give", f"1 {unknown}", *to)["message"]


def test_instruments_are_those_that_the_surface_quotes(opened):
    (market,) = opened.maker.does("instruments", "--strikes", "3")
    names = [item["instrument"] for item in market["instruments"]]
    days = {name.split("-")[1] for name in names}
    assert date_text(opened.stage.day(7)) in days
    assert len(names) == 7 * len(days)
    middle = [
        item for item in market["instruments"] if f"-{date_text(opened.stage.day(7))}-3000-" in item["instrument"]
    ]
    call, put, forward = (next(i for i in middle if i["kind"] == kind) for kind in ("call", "put", "forward"))
    assert float(call["mark"]) - float(put["mark"]) == pytest.approx(float(forward["mark"]), abs=0.001)
    assert call["delta"] - put["delta"] == pytest.approx(forward["delta"], rel=1e-6)
    one = opened.maker.does("instruments", "eth", "--expiry", date_text(opened.stage.day(7)), "--strikes", 1)
    assert {item["instrument"].split("-")[1] for item in one[0]["instruments"]} == {date_text(opened.stage.day(7))}


def test_tables_are_for_people(opened):
    maker = opened.maker
    opened.trades("--give", f"10 {call_of(opened)}", "--want", "1400 cash")
    shown = maker.run("account", "show", maker.address)
    assert shown.code == 0
    for word in ("initial margin", "gain by scenario", call_of(opened), "collateral", "USDC"):
        assert word in shown.out
    for command in (("instruments",), ("margin", "markets"), ("account", "preview", "--get", "5 cash", maker.address)):
        assert maker.run(*command).code == 0
