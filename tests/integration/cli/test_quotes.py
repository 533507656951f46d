"""From a quote to its settlement with the command, and everything that must stop on the way."""

import json

import pytest
from tests.integration.cli.conftest import edited, mailed

from peersettle.chain import advance_time
from peersettle.trades import load, salted_terms


def test_a_quote_says_what_its_maker_still_has_to_allow(peers):
    maker, taker = peers
    asked = ("quote", "--give", "100 USDC", "--want", "0.05 WETH", "--to", taker.address, "--out", "q.json")
    said = maker.signs(*asked)
    assert (said["gives"], said["gets"]) == (["100 USDC"], ["0.05 WETH"])
    assert said["approvals_needed"] == ['peersettle approve "100 USDC" --key maker']
    assert [problem["code"] for problem in said["problems"]] == ["allowance"]
    assert said["missing_signatures"] == [taker.address]
    assert load((maker.home / "q.json").read_text()).digest.hex() == said["digest"][2:]


def test_an_allowance_is_exactly_what_was_said(peers):
    maker, _ = peers
    assert maker.signs("approve", "100 USDC")["allowed"] == "100000000"
    assert maker.signs("approve", "100 USDC")["transactions"] == []
    assert maker.signs("approve", "30.5 USDC")["allowed"] == "30500000"
    assert maker.signs("approve", "0 USDC")["allowed"] == "0"


def test_the_taker_accepts_and_settles_once(peers, quote):
    maker, taker = peers
    accepted = taker.signs("accept", quote)
    assert accepted["missing_signatures"] == []
    assert taker.does("check", accepted["file"])["would_settle"]
    first = taker.signs("settle", accepted["file"], "--wait", "finalized")
    assert (first["status"], first["sent_now"]) == ("finalized", True)
    again = taker.signs("settle", accepted["file"])
    assert (again["sent_now"], again["tx_hash"]) == (False, first["tx_hash"])
    # The maker has heard nothing, and finds it on the chain; nor can it send it twice.
    assert maker.statuses() == ["finalized"]
    theirs = maker.signs("settle", mailed(taker, maker, "q.accepted.json"))
    assert (theirs["sent_now"], theirs["tx_hash"]) == (False, first["tx_hash"])
    (row,) = taker.does("trades")
    assert (row["role"], row["summary"]) == ("taker", "100 USDC for 0.05 WETH")
    shown = taker.does("trades", row["digest"][:10])
    assert shown["document"]["taker_signature"] != "0x"


def test_people_read_the_same_in_words(peers, quote):
    _, taker = peers
    said = taker.run("accept", quote, "--key", "taker").out
    assert "you give 0.05 WETH" in said
    assert "you get  100 USDC" in said
    said = taker.run("settle", "q.accepted.json", "--key", "taker").out
    assert "settled: included" in said or "settled: finalized" in said
    assert "settled already; nothing was sent" in taker.run("settle", "q.accepted.json", "--key", "taker").out
    assert "100 USDC for 0.05 WETH" in taker.run("trades").out


def test_a_third_party_can_send_what_both_have_signed(ground, peers, quote, new_peer):
    from peersettle.chain import fund

    _, taker = peers
    taker.signs("accept", quote)
    relayer = new_peer("relayer", ground.directory)
    fund(ground.chain, relayer.address, 10**18)
    settled = relayer.signs("settle", mailed(taker, relayer, "q.accepted.json"))
    assert settled["sent_now"]
    assert relayer.does("trades")[0]["role"] == "relayer"


def test_the_taker_can_accept_and_send_in_one_step(peers, quote):
    _, taker = peers
    assert taker.signs("accept", quote, "--send")["sent_now"]


def test_an_open_quote_is_taken_by_sending_it(peers):
    maker, taker = peers
    maker.signs("approve", "100 USDC")
    taker.signs("approve", "0.05 WETH")
    maker.signs("quote", "--give", "100 USDC", "--want", "0.05 WETH", "--open", "--out", "open.json")
    file = mailed(maker, taker, "open.json")
    assert "open quote" in taker.fails(2, "accept", file, "--key", "taker")["message"]
    assert "--sender" in taker.fails(2, "check", file)["next_step"]
    assert taker.does("check", file, "--sender", "taker")["would_settle"]
    assert taker.signs("accept", file, "--send")["sent_now"]


def test_every_problem_of_every_party_is_said_before_sending(peers):
    maker, taker = peers
    asked = ("quote", "--give", "5000 USDC", "--want", "20 WETH", "--to", taker.address, "--out", "q.json")
    maker.signs(*asked)
    file = mailed(maker, taker, "q.json")
    report = taker.run("--json", "check", file)
    assert report.code == 4
    found = {(p["party"], p["code"]) for p in report.json["problems"]}
    assert {(a.address, code) for a in peers for code in ("balance", "allowance")} <= found
    words = taker.run("check", file)
    assert words.code == 4
    assert f"{maker.address} has 1000 of the 5000 USDC needed" in words.out
    refused = taker.fails(4, "settle", file, "--key", "taker")
    assert refused["error"] == "NotSettleable"
    assert len(refused["problems"]) == 4
    assert taker.statuses() == ["open"]


@pytest.mark.parametrize("field", ["maker_amount", "taker_amount", "deadline", "nonce"])
def test_a_quote_changed_on_its_way_is_refused_and_nothing_is_kept(peers, quote, field):
    _, taker = peers

    def change(data):
        data["swap"][field] = str(int(data["swap"][field]) + 1)

    file = edited(quote, change)
    before = file.read_bytes()
    refused = taker.fails(3, "accept", file, "--key", "taker")
    assert "something was changed" in refused["message"]
    assert file.read_bytes() == before
    assert taker.does("trades") == []
    assert not list(taker.home.glob("*.accepted.json"))


def test_a_quote_for_another_chain_is_refused(peers, quote):
    _, taker = peers
    file = edited(quote, lambda data: data.update(chain_id=1))
    for command in (["accept"], ["settle"], ["cancel"]):
        assert "on chain 1" in taker.fails(2, *command, file, "--key", "taker")["message"]
    assert "on chain 1" in taker.fails(2, "check", file)["message"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"format": "peersettle.quote", "version": 9}', "\x00"])
def test_a_file_that_is_no_document_is_refused(peers, text):
    _, taker = peers
    file = taker.home / "bad.json"
    file.write_text(text)
    for command in (
        ["accept", "--key", "taker"],
        ["check"],
        ["settle", "--key", "taker"],
        ["cancel", "--key", "taker"],
    ):
        assert taker.fails(2, command[0], file, *command[1:])["error"] == "InvalidDocument"
    assert taker.fails(2, "check", taker.home / "none.json")["error"] == "InvalidDocument"


@pytest.mark.parametrize(
    "wrong",
    [
        {"--give": "100 DOGE"},
        {"--give": "0.0000001 USDC"},
        {"--give": "much"},
        {"--want": ""},
        {"--to": "0x12"},
        {"--to": "stranger"},
        {"--expires": "soon"},
        {"--open": None},
        {"--to": "maker"},
    ],
    ids=str,
)
def test_a_quote_that_cannot_be_meant_is_refused_and_nothing_is_kept(peers, wrong):
    maker, taker = peers
    options = {"--give": "1 USDC", "--want": "1 WETH", "--to": taker.address, "--out": "q.json", **wrong}
    arguments = [part for option in options.items() for part in option if part is not None]
    code = 5 if wrong.get("--to") == "stranger" else 2
    maker.fails(code, "quote", *arguments, "--key", "maker")
    assert maker.does("trades") == []
    assert not (maker.home / "q.json").exists()


def test_a_file_of_another_document_is_not_overwritten(peers, quote):
    maker, taker = peers
    (maker.home / "mine.txt").write_text("precious")
    asked = ("quote", "--give", "1 USDC", "--want", "1 WETH", "--to", taker.address, "--key", "maker")
    assert "left as it is" in maker.fails(2, *asked, "--out", "mine.txt")["message"]
    assert (maker.home / "mine.txt").read_text() == "precious"
    before = quote.read_bytes()
    maker.fails(2, *asked, "--out", quote)
    assert quote.read_bytes() == before


def test_quotes_of_one_maker_share_a_nonce_word(peers):
    maker, taker = peers

    def nonce():
        said = maker.signs("quote", "--give", "1 USDC", "--want", "1 WETH", "--to", taker.address)
        return int(said["document"]["swap"]["nonce"])

    first, second = nonce(), nonce()
    assert second == first + 1
    asked = ("--give", "1 USDC", "--want", "1 WETH", "--to", taker.address, "--nettable")
    assert int(maker.signs("quote", *asked)["document"]["swap"]["nonce"]) >> 255 == 1


def test_terms_can_be_proven_with_the_salt(peers):
    maker, taker = peers
    (maker.home / "agreed.txt").write_text("delivered by noon")
    asked = ("--give", "1 USDC", "--want", "1 WETH", "--to", taker.address, "--terms-file", "agreed.txt")
    said = maker.signs("quote", *asked, "--out", "q.json")
    kept = json.loads((maker.home / said["terms"]).read_text())
    proof = salted_terms(b"delivered by noon", bytes.fromhex(kept["salt"][2:]))
    assert said["document"]["swap"]["terms"] == kept["terms"] == "0x" + proof.hex()


def test_an_expired_quote_is_said_to_be_and_the_chain_agrees(ground, peers, quote):
    _, taker = peers
    advance_time(ground.chain, 601)
    assert "expired" in taker.fails(4, "settle", quote, "--key", "taker")["problems"][0]
    assert taker.fails(9, "settle", quote, "--key", "taker", "--force")["error"] == "Expired"
    assert "expired" in taker.fails(4, "accept", quote, "--key", "taker")["message"]
    assert taker.statuses() == ["expired"]


def test_a_wrong_password_is_said(peers, quote):
    _, taker = peers
    wrong = taker.home / "wrong"
    wrong.write_text("wrong password")
    refused = taker.fails(5, "accept", quote, "--key", "taker", "--password-file", wrong)
    assert "password for 'taker' is wrong" in refused["message"]
    assert taker.fails(6, "accept", quote)["error"] == "ConfigError"
