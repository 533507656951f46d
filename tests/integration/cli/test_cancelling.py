"""Cancelling: a quote at once, a trade with notice, and never what has settled."""

import json

from peersettle.chain import advance_time


def test_a_maker_cancels_a_quote_at_once(peers, quote):
    maker, taker = peers
    assert "only the maker" in taker.fails(2, "cancel", quote, "--key", "taker")["message"]
    assert maker.signs("cancel", "q.json")["tx_hash"]
    assert maker.statuses() == ["retired"]
    assert "cancelled" in taker.fails(4, "settle", quote, "--key", "taker")["message"]
    assert maker.fails(9, "cancel", "q.json", "--key", "maker")["error"] == "NonceUsed"


def test_a_maker_cancels_many_quotes_by_word_and_mask(peers, quote):
    maker, taker = peers
    nonce = json.loads(quote.read_text())["swap"]["nonce"]
    maker.signs("cancel", "--word", str(int(nonce) >> 8), "--mask", "0xff")
    assert taker.fails(4, "settle", quote, "--key", "taker")
    for options in (["--word", "1"], ["--word", "1", "--mask", "0"], ["--word", "x", "--mask", "1"], []):
        maker.fails(2, "cancel", *options, "--key", "maker")


def test_what_settled_cannot_be_cancelled(peers, quote):
    maker, taker = peers
    settled = taker.signs("settle", quote)
    refused = maker.fails(9, "cancel", "q.json", "--key", "maker")
    assert settled["tx_hash"] in refused["message"]


def test_a_party_cancels_a_trade_with_notice(ground, peers, trade):
    maker, taker = peers
    told = maker.signs("cancel", "t.json")
    assert told["effective_at"] == ground.chain.block().timestamp + 60
    advance_time(ground.chain, 61)
    assert "cancelled" in taker.fails(4, "settle", trade, "--key", "taker")["message"]
    assert taker.statuses() == ["retired"]
