"""A trade through the API of a real node, from the question to the chain."""

import asyncio
import time

import pytest
from tests.integration.node.strategies import Fixed

from peersettle.api.errors import CameToNothing
from peersettle.making import No


def test_the_best_quote_is_accepted_and_settles(trading, scene):
    async def work(peer, maker, taker):
        heard = []

        async def listen():
            async for event in peer.events():
                heard.append((event.event, event.message))

        listening = asyncio.create_task(listen())
        begun = time.monotonic()
        quotes = await peer.request("WETH", "buy", "1.5", currency="USD", peers=["maker"], wait=20)
        asked = time.monotonic() - begun
        (quote,) = quotes
        assert (quote.price, quote.per_unit, quote.maker, quote.signed) == ("3000", "2000", maker.address, True)
        before = scene.balance(taker, "WETH")
        trade = await peer.accept(peer.best(quotes, limit=2_000))
        assert scene.balance(taker, "WETH") - before == 15 * 10**17
        assert (trade.deal.gives, trade.deal.gets) == (["3000 USD"], ["1.5 WETH"])
        (kept,) = await peer.trades()
        listening.cancel()
        positions = await peer.positions()
        exported = await peer.export_trades()
        return asked, trade, kept, heard, positions, exported

    asked, trade, kept, heard, positions, exported = trading(work)
    assert asked < 5
    assert trade.status in ("settled", "final")
    assert (kept.key, kept.tx_hash, kept.peer) == (trade.key, trade.deal.tx_hash, "maker")
    assert ("received", "offer") in heard
    assert {each.asset: each.amount for each in positions.balances}["WETH"] == "1001.5"
    assert kept.digest in exported.decode()


def test_everybody_is_asked_and_the_answer_comes(trading, scene):  # noqa: ARG001
    async def work(peer, *_):
        while not await peer.peers():
            await asyncio.sleep(0.05)
        return await peer.request("WETH", "sell", 1, currency="USD", wait=20)

    (quote,) = trading(work)
    assert (quote.price, quote.per_unit) == ("-2000", "2000")


def test_a_maker_that_declines_is_heard_with_its_reason(trading):
    async def work(peer, *_):
        return await peer.request("WETH", "buy", 1, currency="USD", peers=["maker"], wait=20)

    quotes = trading(work, Fixed(no=No("size", "too large for me")))
    assert len(quotes) == 0
    assert [(each.code, each.text) for each in quotes.negotiation.declines] == [("size", "too large for me")]


def test_an_indication_is_made_firm_and_settles(trading):
    async def work(peer, *_):
        quotes = await peer.request("WETH", "buy", 1, currency="USD", peers=["maker"], firm=False, wait=20)
        (indicated,) = quotes
        assert not indicated.firm
        return await peer.accept(peer.best(await peer.firm(indicated, 20)))

    assert trading(work).deal.tx_hash


@pytest.mark.parametrize("no", [None, No("moved", "the price moved")], ids=["yes", "no"])
def test_the_last_look_decides(trading, no):
    async def work(peer, *_):
        quotes = await peer.request("WETH", "buy", 1, currency="USD", peers=["maker"], last_look=True, wait=20)
        return await peer.accept(peer.best(quotes))

    if no is None:
        assert trading(work, Fixed()).deal.tx_hash
    else:
        with pytest.raises(CameToNothing, match="the price moved"):
            trading(work, Fixed(last=no))


def test_finality_is_waited_for(trading, scene):
    async def work(peer, *_):
        quotes = await peer.request("WETH", "buy", 1, currency="USD", peers=["maker"], wait=20)
        waiting = asyncio.create_task(peer.accept(peer.best(quotes), wait="finalized", timeout=50))
        while not waiting.done():
            await asyncio.sleep(0.5)
            await asyncio.to_thread(scene.chain.request, "anvil_mine", "0x20")
        return await waiting

    assert trading(work).status == "final"
