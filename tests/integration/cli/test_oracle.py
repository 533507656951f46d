"""`peersettle oracle`: deploying, reading, and replacing the reporters."""

import pytest

from peersettle.bindings import Oracle
from peersettle.chain import Deployment, advance_time
from peersettle.reports import Feed, Report, ReporterSet, Round, SignedReport, report_digest
from peersettle.signing import KeySigner

FEED = Feed("ETH/USD", slot=15, max_age=120)
WAD = 10**18
SETTINGS = """
[[oracle.feeds]]
name = "ETH/USD"
slot = 15
max_age = 120
"""


@pytest.fixture
def keys():
    return {key.address: key for key in (KeySigner.random() for _ in range(4))}


@pytest.fixture
def maker(peers, keys):
    """A steward who has deployed an Oracle, with one feed in the settings."""
    made, _ = peers
    (made.home / "peersettle.toml").write_text(SETTINGS)
    made.signs("oracle", "deploy", *members(keys), "--steward", "maker", "--delay-days", 2, "--again")
    return made


def members(keys):
    return [part for key in keys for part in ("--reporter", key)]


def report(ground, keys, *prices):
    oracle = Oracle(ground.chain, Deployment.load(ground.directory, ground.chain.chain_id))
    advance_time(ground.chain, FEED.slot)
    slot = FEED.slot_of(ground.chain.now())
    reports = []
    for reporter, price in zip(keys, prices, strict=False):
        made = Report(FEED, price * WAD, slot)
        signature = keys[reporter].sign_digest(report_digest(oracle.domain, made))
        reports.append(SignedReport(oracle.domain, made, reporter, signature))
    ground.deployer.send(oracle.update(Round.of(ReporterSet.of(3, keys), reports)))
    return slot


def test_a_second_deployment_says_where_the_first_is(maker, keys):
    again = maker.signs("oracle", "deploy", *members(keys))
    assert not again["deployed"]
    assert sorted(again["reporters"]) == sorted(keys)
    assert again["oracle"]
    assert again["bundle"]


def test_too_few_members_are_refused_with_how_many_it_takes(maker, keys):
    few = members(dict(list(keys.items())[:3]))
    error = maker.fails(2, "oracle", "deploy", *few, "--key", "maker")
    assert "4 to 13 members" in error["message"]


def test_status_before_and_after_a_round(maker, ground, keys):
    before = maker.does("oracle", "status")
    assert before["feeds"][0]["state"] == "none"
    assert (before["threshold"], len(before["reporters"])) == (3, 4)
    slot = report(ground, keys, 2_500, 2_501, 2_502)
    (feed,) = maker.does("oracle", "status")["feeds"]
    assert (feed["value"], feed["observed_at"], feed["state"]) == ("2501", slot, "fresh")
    report(ground, keys, 3_500, 3_501, 3_502)
    (feed,) = maker.does("oracle", "status", "0x" + FEED.id.hex())["feeds"]
    assert (feed["value"], feed["candidate"], feed["state"]) == ("2501", "3501", "jumping")
    advance_time(ground.chain, 300)
    (feed,) = maker.does("oracle", "status", "ETH/USD")["feeds"]
    assert (feed["candidate"], feed["state"]) == (None, "stale")
    shown = maker.run("oracle", "status").out
    assert "3 of 4 reporters, 1 may lie" in shown
    assert "2501" in shown


def test_history_lists_rounds_oldest_first(maker, ground, keys):
    slots = [report(ground, keys, price, price, price) for price in (2_500, 2_501, 3_500)]
    entries = maker.does("oracle", "history", "ETH/USD")
    assert [(e["kind"], e["value"], e["observed_at"]) for e in entries] == [
        ("confirmed", "2500", slots[0]),
        ("confirmed", "2501", slots[1]),
        ("candidate", "3500", slots[2]),
    ]
    assert [e["value"] for e in maker.does("oracle", "history", "ETH/USD", "--last", 1)] == ["3500"]
    assert "candidate" in maker.run("oracle", "history", "ETH/USD").out


def test_history_is_drawn(maker, ground, keys):
    for price in (2_500, 2_510, 3_500, 3_400):
        report(ground, keys, price, price, price)
    maker.does("oracle", "history", "ETH/USD", "--plot", "rounds.svg", "--last", 1)
    assert "ETH/USD: rounds on the chain" in (maker.home / "rounds.svg").read_text()
    assert maker.fails(2, "oracle", "history", "ETH/USD", "--plot", "rounds.txt")["error"] == "InputError"
    other = maker.fails(2, "oracle", "history", "0x" + Feed("BTC/USD").id.hex(), "--plot", "none.png")
    assert "no round of BTC/USD" in other["message"]


def test_a_feed_that_is_not_configured_is_named(maker):
    error = maker.fails(2, "oracle", "status", "DOGE/USD")
    assert "ETH/USD" in error["message"]
    assert maker.fails(2, "oracle", "history", "0x1234")["error"] == "InvalidField"


def test_without_an_oracle_it_says_what_to_run(peers):
    maker, _ = peers
    maker.environ["PEERSETTLE__ORACLE__CONTRACT"] = "0x" + "11" * 20
    error = maker.fails(8, "oracle", "status", "0x" + FEED.id.hex())
    assert error["error"] == "NotDeployed"


def test_reporters_are_proposed_withdrawn_and_activated(maker, peers, ground):
    _, taker = peers
    following = members({KeySigner.random().address: None for _ in range(4)})
    assert taker.fails(9, "oracle", "propose", *following, "--key", "taker")["error"] == "NotSteward"
    assert maker.signs("oracle", "propose", *following)["ready_at"] > ground.chain.now()
    assert taker.fails(9, "oracle", "activate", *following, "--key", "taker")["error"] == "DelayNotOver"
    maker.signs("oracle", "withdraw")
    advance_time(ground.chain, 2 * 86_400)
    assert taker.fails(9, "oracle", "activate", *following, "--key", "taker")["error"] == "NoSuchProposal"
    maker.signs("oracle", "propose", *following)
    assert "is proposed" in maker.run("oracle", "status").out
    advance_time(ground.chain, 2 * 86_400)
    assert taker.signs("oracle", "activate", *following)["epoch"] == 1
