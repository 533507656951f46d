"""Who the node is and whom it knows, what it has done, and what happens."""

import asyncio
import csv
import io
import time

import polars
import pytest
from tests.unit.api.conftest import TOKEN, TX

from peersettle.api import Peer, connect
from peersettle.api.errors import NoNode, Unauthorised
from peersettle.bindings.settling import keep
from peersettle.config import load_settings


def traded(world, client):
    """A settled trade of the record."""
    key = client.post("/v1/requests", json={"asset": "WETH", "side": "buy", "quantity": "1"}).json()["key"]
    world.makers[0].offers(key, 3_000_000_000)
    client.post(f"/v1/requests/{key}/accept", json={"peer": "peer0", "number": 0})
    world.included(key)
    document = world.node.engine.states[key].deal.document
    keep(world.node.store, document, "taker", world.node.signer.address)
    world.node.store.put_settlement(31_337, document.digest, TX, "included", block_number=7)
    return key, document


def test_the_status_has_the_block(client):
    said = client.get("/v1/status").json()
    assert (said["peer"], said["block"]) == ("me", 7)


def test_a_peer_is_banned_for_good_and_heard_again(world, client):
    assert [each["banned_until"] for each in client.get("/v1/peers").json()] == [None, None]
    for name, peer in ((world.makers[0].signer.address, "peer0"), ("stranger", "stranger")):
        assert client.post(f"/v1/peers/{name}/ban", json={"seconds": 60, "why": "noise"}).status_code == 204
        (kept,) = (ban for ban in world.node.store.peers.bans(time.time()) if ban.peer == peer)
        assert (round(kept.until - time.time()), kept.why) == (60, "noise")
        (shown,) = (each for each in client.get("/v1/peers").json() if each["peer"] == peer)
        assert shown["banned_until"] == pytest.approx(kept.until)
        assert client.post(f"/v1/peers/{name}/unban", json={}).status_code == 204
        assert world.node.store.peers.bans(time.time()) == []
    assert len(client.get("/v1/peers").json()) == 2
    assert client.post("/v1/peers/nobody/unban", json={}).status_code == 422


def test_trades_come_with_their_negotiation(world, client):
    key, document = traded(world, client)
    (trade,) = client.get("/v1/trades").json()
    assert trade["digest"] == "0x" + document.digest.hex()
    assert (trade["key"], trade["status"], trade["tx_hash"]) == (key, "included", TX)
    assert (trade["gives"], trade["gets"]) == (["3000 USDC"], ["1 WETH"])
    assert client.get("/v1/trades", params={"skip": 1}).json() == []


def test_trades_are_exported(world, client):
    _, document = traded(world, client)
    answer = client.get("/v1/export/trades")
    assert answer.headers["content-disposition"] == 'attachment; filename="trades.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["digest"] == "0x" + document.digest.hex()
    frame = polars.read_parquet(io.BytesIO(client.get("/v1/export/trades", params={"format": "parquet"}).content))
    assert frame["digest"].to_list() == [row["digest"]]
    assert client.get("/v1/export/trades", params={"format": "xlsx"}).status_code == 422


def test_positions_have_the_balances_of_named_tokens(world, client):
    said = client.get("/v1/positions").json()
    assert said["owner"] == world.node.signer.address
    assert said["balances"] == [{"asset": "USDC", "amount": "5"}, {"asset": "WETH", "amount": "2"}]
    assert said["accounts"] == []


def test_events_tell_what_happens_and_that_the_stream_lives(world, run):
    async def work():
        async with Peer(world.url, TOKEN) as peer:
            events = peer.events()
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.2)  # several heartbeats
            asked = await peer.ask("WETH", "buy", 1)
            world.makers[0].offers(asked.key, 5)
            heard = [await first, await anext(events)]
            world.node.engine.hub.tell(None)
            assert await anext(events, None) is None
            return asked.key, heard

    key, heard = run(work)
    assert [(each.key, each.event, each.message, each.peer) for each in heard] == [
        (key, "begun", None, None),
        (key, "received", "offer", "peer0"),
    ]


def test_a_silent_stream_says_that_it_lives(world, run):
    import aiohttp

    async def work():
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession() as session, session.get(f"{world.url}/v1/events", headers=headers) as said:
            assert said.headers["content-type"].startswith("text/event-stream")
            return await said.content.readuntil(b": \n\n")

    assert run(work) == b": listening\n\n: \n\n"


def test_a_listener_that_leaves_is_forgotten(world, run):
    async def work():
        async with Peer(world.url, TOKEN) as peer:
            events = peer.events()
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.2)
            assert len(world.node.engine.hub._listeners) == 1
            waiting.cancel()
        for _ in range(100):
            await asyncio.sleep(0.05)
            if not world.node.engine.hub._listeners:
                return True
        return False

    assert run(work)


def test_where_no_node_runs_it_is_said_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__PATHS__STATE", str(tmp_path))
    monkeypatch.delenv("PEERSETTLE_CONFIG", raising=False)
    with pytest.raises(NoNode, match="no node was started here") as caught:
        connect()
    assert "peersettle node" in caught.value.values["next_step"]

    async def work():
        async with connect("http://127.0.0.1:9", TOKEN, load_settings().settings) as peer:
            await peer.status()

    with pytest.raises(NoNode, match="no node answers") as caught:
        asyncio.run(work())
    assert "peersettle node" in caught.value.values["next_step"]


def test_another_nodes_token_is_not_taken(world, run):
    async def work():
        async with Peer(world.url, "another") as peer:
            await peer.status()

    with pytest.raises(Unauthorised):
        run(work)
