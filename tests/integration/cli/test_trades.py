"""Trades of many legs, crashes on the way, and what the command says when something is not there."""

import pytest
from tests.integration.cli.conftest import mailed

from peersettle.errors import RpcUnavailable


def test_a_trade_of_many_legs_is_signed_by_all_and_settled(peers, trade):
    maker, taker = peers
    accepted = taker.signs("accept", trade)
    assert accepted["missing_signatures"] == []
    settled = maker.signs("settle", mailed(taker, maker, "t.accepted.json"), "--wait", "finalized")
    assert settled["status"] == "finalized"
    assert taker.statuses() == ["finalized"]
    assert taker.does("trades")[0]["summary"] == "100 USDC + 0.05 WETH"


def test_who_sends_a_trade_need_not_sign_it(peers, trade):
    _, taker = peers
    assert taker.does("check", trade)["would_settle"]
    assert taker.signs("settle", trade)["sent_now"]


@pytest.mark.usefixtures("trade")
def test_a_trade_file_and_a_swap_exclude_each_other(peers):
    maker, _ = peers
    maker.fails(2, "quote", "--trade", "legs.toml", "--give", "1 USDC", "--key", "maker")
    maker.fails(2, "quote", "--trade", "none.toml", "--key", "maker")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_while_sending_loses_nothing_and_sends_once(ground, peers, trade, monkeypatch, moment):
    _, taker = peers
    send_raw = type(ground.chain).send_raw

    def crash(chain, raw):
        if moment == "after":
            send_raw(chain, raw)
        raise RpcUnavailable("the line went dead")

    with monkeypatch.context() as patch:
        patch.setattr(type(ground.chain), "send_raw", crash)
        assert taker.fails(8, "settle", trade, "--key", "taker")["error"] == "RpcUnavailable"
    before = ground.chain.nonce(taker.address)
    settled = taker.signs("settle", trade)
    assert not settled["sent_now"]
    assert settled["status"] == "finalized"
    assert ground.chain.nonce(taker.address) - before == (moment == "before")


def test_a_crash_while_waiting_is_taken_up(peers, trade, monkeypatch):
    _, taker = peers

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("peersettle.chain.sender.TransactionSender.wait", interrupted)
        assert taker.run("settle", trade, "--key", "taker").code == 130
    assert taker.statuses() == ["finalized"]
    assert not taker.signs("settle", trade)["sent_now"]


def test_deploying_again_changes_nothing(ground, peers):
    maker, taker = peers
    said = maker.signs("deploy", "--demo-tokens", "--to", "maker", "--to", taker.address)
    assert not said["deployed"]
    assert said["settlement"] == ground.deployment.settlement
    assert said["tokens"] == dict(ground.deployment.tokens)
    assert "WETH" in maker.run("deploy", "--key", "maker").out


def test_a_chain_without_contracts_is_said_to_have_none(peers):
    maker, _ = peers
    maker.environ["PEERSETTLE__PATHS__DEPLOYMENTS"] = str(maker.home / "nowhere")
    asked = ("quote", "--give", "1 USDC", "--want", "1 WETH", "--open", "--key", "maker")
    refused = maker.fails(8, *asked)
    assert refused["error"] == "NotDeployed"
    assert "peersettle deploy" in refused["next_step"]
    assert maker.does("chain", "status")["settlement"] is None


@pytest.mark.usefixtures("peers")
def test_an_account_without_gas_money_is_said_to_have_none(ground, new_peer):
    poor = new_peer("poor", ground.directory)
    refused = poor.fails(8, "approve", "1 USDC", "--key", "poor")
    assert refused["error"] in ("InsufficientFunds", "RpcError")
    assert poor.does("chain", "fund", "poor")["balance_eth"] == "100"
    assert poor.signs("approve", "1 USDC")["allowed"] == "1000000"


def test_a_record_that_cannot_be_opened_stops_before_anything_is_sent(ground, peers, trade):
    _, taker = peers
    before = ground.chain.nonce(taker.address)
    taker.environ["PEERSETTLE__PATHS__STORE"] = str(taker.home)
    assert taker.fails(7, "settle", trade, "--key", "taker")["error"] == "StoreError"
    assert ground.chain.nonce(taker.address) == before


def test_the_record_is_shown_when_the_chain_is_away(peers, trade, monkeypatch):
    _, taker = peers
    taker.signs("settle", trade)

    def away(*_, **__):
        raise RpcUnavailable("no answer")

    monkeypatch.setattr("peersettle.chain.connect", away)
    assert taker.statuses() == ["finalized"]
    assert "no answer" in taker.run("trades").out


def test_an_unknown_digest_is_said_to_be_unknown(peers):
    _, taker = peers
    assert taker.fails(7, "trades", "0xdeadbeef")["error"] == "StoreError"


def test_the_doctor_finds_a_healthy_desk_well(peers):
    maker, _ = peers
    report = maker.does("doctor")
    assert report["healthy"]
    found = {check["check"]: check["state"] for check in report["checks"]}
    assert {found[name] for name in ("python", "keystore", "record", "chain", "Settlement")} == {"ok"}


def test_the_doctor_says_what_to_do(peers, monkeypatch):
    maker, _ = peers
    (maker.home / "keys" / "maker.json").chmod(0o644)
    result = maker.run("--json", "doctor")
    assert result.code == 1
    (keystore,) = (check for check in result.json["checks"] if check["check"] == "keystore")
    assert (keystore["state"], keystore["next_step"][:6]) == ("bad", "chmod ")

    def away(*_, **__):
        raise RpcUnavailable("no answer")

    monkeypatch.setattr("peersettle.chain.connect", away)
    result = maker.run("doctor")
    assert result.code == 1
    assert "peersettle chain up" in result.out
