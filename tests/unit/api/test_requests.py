"""Asking, waiting, choosing and accepting over the API."""

import time
from decimal import Decimal

import pytest
from tests.unit.api.conftest import TOKEN, TX, USDC, WETH

from peersettle.api import Peer
from peersettle.api.choosing import choose
from peersettle.api.errors import CameToNothing, NotYet
from peersettle.errors import InputError, NegotiationError
from peersettle.rfq import Confirmation, Decline, Indication, Rejection, Standing
from peersettle.rfq.messages import Side
from peersettle.signing import sign_message

BUY = {"asset": "WETH", "side": "buy", "quantity": "2.5"}


def ask(client, **changes):
    answer = client.post("/v1/requests", json={**BUY, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_request_is_what_was_asked_for(world, client):
    said = ask(client, peers=["peer1", world.makers[0].signer.address], life=45, last_look=True, partial=True)
    request = world.node.engine.states[said["key"]].request
    (item,) = request.items
    assert (item.asset.token, item.amount, item.to_taker) == (WETH, 25 * 10**17, True)
    assert request.currency.token == USDC
    assert (request.last_look, request.partial, request.firm, request.submitter) == (True, True, True, Side.TAKER)
    assert 44 <= request.expires_at - time.time() <= 46
    assert world.node.engine.states[said["key"]].peers == ("peer1", "peer0")
    assert said["items"] == [{"asset": "WETH", "side": "buy", "quantity": "2.5"}]
    assert said["peers"] == ["peer1", "peer0"]
    assert said["currency"] == "USDC"


def test_several_things_at_one_price(world, client):
    items = [{"asset": "WETH", "side": "sell", "quantity": "1"}]
    said = client.post("/v1/requests", json={"items": items, "currency": USDC}).json()
    (item,) = world.node.engine.states[said["key"]].request.items
    assert not item.to_taker


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "give asset, side and quantity"),
        ({"asset": "WETH", "side": "buy"}, "give asset, side and quantity"),
        ({**BUY, "items": [BUY]}, "not both"),
        ({**BUY, "side": "hold"}, "side"),
        ({**BUY, "quantity": "0"}, "quantity"),
        ({**BUY, "quantity": "-1"}, "quantity"),
        ({**BUY, "quantity": "NaN"}, "quantity"),
        ({**BUY, "quantity": "1e-19"}, "18 decimals"),
        ({**BUY, "asset": "DOGE"}, "no token is called"),
        ({**BUY, "asset": "ETH-26JUN26-3000-C"}, "no margin accounts"),
        ({**BUY, "asset": "USDC"}, "none of them the currency"),
        ({**BUY, "currency": "cash"}, "no margin accounts"),
        ({**BUY, "peers": ["nobody"]}, "no peer that we have heard of"),
        ({**BUY, "life": 0}, "life"),
        ({**BUY, "surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(world, client, body, why):
    answer = client.post("/v1/requests", json=body)
    assert answer.status_code == 422
    assert why in answer.json()["message"]
    assert not world.node.engine.states


def test_quotes_are_in_peoples_units_the_best_first(world, client):
    key = ask(client, partial=True)["key"]
    world.makers[0].offers(key, 7_600_000_000)
    world.makers[1].offers(key, 7_500_000_000, parts=(10_000, 5_000))
    quotes = client.get(f"/v1/requests/{key}").json()["quotes"]
    assert [(each["peer"], each["price"], each["part"], each["quantity"], each["per_unit"]) for each in quotes] == [
        ("peer1", "7500", 10_000, "2.5", "3000"),
        ("peer1", "3750", 5_000, "1.25", "3000"),
        ("peer0", "7600", 10_000, "2.5", "3040"),
    ]
    assert all(each["is_open"] and each["firm"] and each["signed"] for each in quotes)
    assert quotes[0]["maker"] == world.makers[1].signer.address
    assert quotes[0]["currency"] == "USDC"
    assert [each["choice"] for each in quotes] == [0, 1, 0]


def test_what_is_sold_brings_a_price_below_zero_and_a_unit_price_above(world, client):
    key = ask(client, side="sell", quantity="3")["key"]
    world.makers[0].offers(key, -8_000_000_000)
    (quote,) = client.get(f"/v1/requests/{key}").json()["quotes"]
    assert (quote["price"], quote["per_unit"], quote["side"]) == ("-8000", "2666.66666667", "sell")


def test_indications_and_declines_are_shown_and_cannot_be_accepted(world, client):
    key = ask(client, firm=False)["key"]
    world.makers[0].says(key, Indication(key, 7_500_000_000))
    world.makers[1].says(key, Decline(key, "limit", "too large"))
    said = client.get(f"/v1/requests/{key}").json()
    (quote,) = said["quotes"]
    assert [quote[name] for name in ("firm", "is_open", "signed")] == [False] * 3
    assert said["declines"] == [{"peer": "peer1", "code": "limit", "text": "too large"}]
    assert client.post(f"/v1/requests/{key}/firm", json={"peer": "peer0"}).status_code == 200
    refused = client.post(f"/v1/requests/{key}/firm", json={"peer": "peer1"})
    assert refused.status_code == 409
    assert refused.json()["error"] == "NegotiationError"


def test_what_is_accepted_is_what_was_seen(world, client):
    key = ask(client)["key"]
    world.makers[0].offers(key, 7_500_000_000, number=3)
    other = client.post(f"/v1/requests/{key}/accept", json={"peer": "peer0", "number": 2})
    assert other.status_code == 409
    assert "no offer 2" in other.json()["message"]
    answer = client.post(f"/v1/requests/{key}/accept", json={"peer": "peer0", "number": 3, "choice": 0}).json()
    assert answer["status"] == "agreed"
    assert answer["deal"]["gives"] == ["7500 USDC"]
    assert answer["deal"]["gets"] == ["2.5 WETH"]
    assert client.post(f"/v1/requests/{key}/cancel").status_code == 409


def test_a_peer_can_be_named_by_its_address(world, client):
    key = ask(client)["key"]
    world.makers[1].offers(key, 1)
    body = {"peer": world.makers[1].signer.address, "number": 0}
    assert client.post(f"/v1/requests/{key}/accept", json=body).json()["deal"]["peer"] == "peer1"


def test_a_request_is_cancelled_and_stays_readable(world, client):
    key = ask(client)["key"]
    world.makers[0].offers(key, 5)
    said = client.post(f"/v1/requests/{key}/cancel").json()
    assert (said["status"], [quote["is_open"] for quote in said["quotes"]]) == ("cancelled", [False])
    assert client.get(f"/v1/requests/{key}").json()["is_over"]
    listed = client.get("/v1/requests").json()
    assert [(each["key"], each["status"]) for each in listed] == [(key, "cancelled")]
    assert client.get("/v1/requests", params={"is_over": "false"}).json() == []


def test_the_first_digits_of_a_live_request_do(client):
    key = ask(client)["key"]
    assert client.get(f"/v1/requests/{key[:8]}").json()["key"] == key


def test_what_is_not_there_is_not_found(client):
    for answer in (client.get("/v1/requests/" + "0" * 32), client.get("/v1/nothing")):
        assert answer.status_code == 404
        assert answer.json()["error"] == "NotFound"


# By code


def test_a_request_waits_until_all_who_were_asked_have_answered(world, run):
    async def work():
        async with Peer(world.url, TOKEN) as peer:
            asked = await peer.ask("WETH", "buy", Decimal("2.5"))
            world.makers[0].offers(asked.key, 7_500_000_000)
            begun = time.monotonic()
            some = await peer.wait(asked.key, "answered", 0.3)
            assert time.monotonic() - begun >= 0.25
            first = await peer.wait(asked.key, "answered", 20, answers=1)
            world.makers[1].says(asked.key, Decline(asked.key, "limit"))
            both = await peer.wait(asked.key, "answered", 20)
            assert time.monotonic() - begun < 15
            return some, first, both

    some, first, both = run(work)
    assert len(some.quotes) == len(first.quotes) == len(both.quotes) == 1
    assert [each.peer for each in both.declines] == ["peer1"]


def test_an_accepted_quote_settles(world, run):
    async def work():
        async with Peer(world.url, TOKEN) as peer:
            quotes = await peer.request("WETH", "buy", "2.5", peers=["peer0"], wait=0.05)
            assert list(quotes) == []
            world.makers[0].offers(quotes.key, 7_500_000_000)
            found = await peer.get(quotes.key)
            best = peer.best(found.quotes, limit=3000)
            with pytest.raises(NotYet, match="it is agreed, not yet included"):
                await peer.accept(best, timeout=0.05)
            world.included(quotes.key)
            trade = await peer.wait(quotes.key, "included", 10)
            with pytest.raises(NegotiationError, match="cannot be accepted any more"):
                await peer.accept(best)
            return trade, await peer.trades()

    trade, _ = run(work)
    assert trade.deal.tx_hash == TX
    assert trade.status == "settled"


def test_a_maker_that_says_no_in_its_last_look_is_an_error(world, run):
    async def work():
        async with Peer(world.url, TOKEN) as peer:
            asked = await peer.ask("WETH", "buy", 1, last_look=True)
            world.makers[0].offers(asked.key, 5, signed=False)
            (quote,) = (await peer.get(asked.key)).quotes
            assert not quote.signed
            found = await peer.accept(quote, wait=None)
            assert found.status == "last_look"
            world.makers[0].says(asked.key, Rejection(asked.key, 0, "moved", "the price moved"))
            from peersettle.api.choosing import reached

            return reached(await peer.wait(asked.key, "included", 10), "included")

    with pytest.raises(CameToNothing, match="the price moved"):
        run(work)


def test_a_confirmed_last_look_is_a_deal(world, run):
    maker = world.makers[0]

    async def work():
        async with Peer(world.url, TOKEN) as peer:
            asked = await peer.ask("WETH", "buy", 1, last_look=True)
            maker.offers(asked.key, 5, signed=False)
            quote = peer.best((await peer.get(asked.key)).quotes)
            await peer.accept(quote, wait=None)
            document = world.node.engine.states[asked.key].document("peer0", 0, 0)
            signature = sign_message(maker.signer, document.domain, document.swap)
            maker.says(asked.key, Confirmation(asked.key, 0, 0, signature))
            return await peer.wait(asked.key, "agreed", 10)

    assert run(work).status == "agreed"


def test_safe_waits_for_the_store_to_say_so(world, run):
    async def work():
        from peersettle.store import SettlementStatus

        async with Peer(world.url, TOKEN) as peer:
            asked = await peer.ask("WETH", "buy", 1)
            world.makers[0].offers(asked.key, 5)
            await peer.accept(peer.best((await peer.get(asked.key)).quotes), wait=None)
            world.settles(asked.key, Standing.INCLUDED)
            digest = world.node.engine.states[asked.key].deal.document.digest
            world.node.store.put_settlement(31_337, digest, TX, SettlementStatus.INCLUDED, block_number=7)
            begun = time.monotonic()
            early = await peer.wait(asked.key, "safe", 0.2)
            assert time.monotonic() - begun >= 0.15
            world.node.store.put_settlement(31_337, digest, TX, SettlementStatus.SAFE, block_number=7)
            begun = time.monotonic()
            late = await peer.wait(asked.key, "safe", 20)
            assert time.monotonic() - begun < 15
            return early, late

    early, late = run(work)
    assert (early.deal.settlement, late.deal.settlement) == ("included", "safe")


def test_limits_are_for_each_unit_either_way(world, client):
    from peersettle.api.models import NegotiationView

    def quotes(side, *prices):
        key = ask(client, side=side, quantity="2")["key"]
        for maker, price in zip(world.makers, prices, strict=False):
            maker.offers(key, price)
        return NegotiationView.model_validate(client.get(f"/v1/requests/{key}").json()).quotes

    def chosen(quotes, limit):
        found = choose(quotes, limit)
        return found and found.peer

    bought = quotes("buy", 6_000_000_000, 5_999_999_999)
    assert chosen(bought, 3000) == "peer1"
    assert chosen(bought, "2999.9999995") == "peer1"
    assert choose(bought, "2999.9999994") is None
    sold = quotes("sell", -6_000_000_000, -6_000_000_001)
    assert chosen(sold, 3000) == "peer1"
    assert chosen(sold, "3000.0000005") == "peer1"
    assert choose(sold, "3000.0000006") is None
    assert chosen(sold[1:], 3000) == "peer0"
    with pytest.raises(InputError, match="none of 2 quotes can be accepted within 1"):
        Peer("http://x", TOKEN).best(bought, 1)
