"""What a peer with a card of its own may try against a node."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.unit.node.rig import DOMAIN, LIMIT, UNIT, Party, Stranger

from peersettle.errors import StoreError
from peersettle.network.memory import MemoryNetwork
from peersettle.rfq import (
    Acceptance,
    Alternative,
    Confirmation,
    Decline,
    Offer,
    document_of,
)
from peersettle.signing import sign_message


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def maker(network, tmp_path):
    return Party(network, tmp_path, "maker", makes=True)


@pytest.fixture
def taker(network, tmp_path):
    return Party(network, tmp_path, "taker")


@pytest.fixture
def attacker(network):
    return Stranger(network, "attacker")


def test_limits_hold_for_requests_that_come_at_once(maker, attacker):
    async def run():
        async with maker.running(), attacker.there():
            await attacker.peers.greet("maker")
            await asyncio.gather(*(attacker.peers.send("maker", attacker.request()) for _ in range(60)))
            await attacker.hears(Decline, 59)
            assert len(await attacker.hears(Offer)) == 1
            assert maker.counted == 27_000 <= LIMIT

    asyncio.run(run())


def test_limits_know_after_a_restart_what_is_out(maker, attacker):
    async def run():
        async with attacker.there():
            async with maker.running():
                await attacker.peers.send("maker", attacker.request())
                await attacker.hears(Offer)
            async with maker.running():
                assert maker.counted == 27_000
                await attacker.peers.send("maker", attacker.request())
                await attacker.hears(Decline)

    asyncio.run(run())


def test_who_accepts_a_part_may_still_settle_the_whole_and_it_counts(maker, attacker):
    async def run():
        async with maker.running(), attacker.there():
            request = attacker.request(partial=True)
            await attacker.peers.send("maker", request)
            [offer] = await attacker.hears(Offer)
            choice = len(offer.alternatives) - 1
            document = document_of(request, offer.maker, offer.alternatives[choice])
            signature = sign_message(attacker.signer, DOMAIN, document.swap)
            await attacker.peers.send("maker", Acceptance(request.request_id, offer.number, choice, signature))
            await attacker.hears(Confirmation)
            assert maker.counted == 27_000
            [state] = maker.engine.live().values()
            assert len(state.watched()) == len(offer.alternatives)

    asyncio.run(run())


@pytest.mark.parametrize("last_look", [False, True])
def test_a_late_offer_does_not_change_what_was_accepted(taker, attacker, last_look):
    async def run():
        async with attacker.there():
            async with taker.running():
                request = replace(attacker.request(UNIT), taker=taker.signer.address, last_look=last_look)
                key = await taker.engine.request(request, ["attacker"])
                alternative = Alternative(price=10**9, nonce=7 << 8, deadline=int(time.time()) + 600)
                if not last_look:
                    document = document_of(request, attacker.signer.address, alternative)
                    alternative = replace(alternative, signature=sign_message(attacker.signer, DOMAIN, document.swap))
                end = int(time.time()) + 60
                offer = Offer(request.request_id, 0, attacker.signer.address, (alternative,), end)
                await attacker.peers.send("taker", offer)
                await taker.engine.accept(key, "attacker", 0, 0)
                await attacker.peers.send("taker", replace(offer, number=1))
                assert taker.engine.state(key).answers["attacker"].offer == offer
            async with taker.running():
                assert taker.engine.state(key).answers["attacker"].offer == offer

    asyncio.run(run())


def test_a_request_that_could_not_be_written_leaves_nothing_behind(maker, attacker, monkeypatch):
    async def run():
        async with maker.running(), attacker.there():
            await attacker.peers.greet("maker")
            broken = iter([True, True])
            append = maker.store.negotiations.append

            def flaky(entries):
                if next(broken, False):
                    raise StoreError("the database is locked", kind="locked")
                append(entries)

            monkeypatch.setattr(maker.store.negotiations, "append", flaky)
            with pytest.raises(Exception, match="try again"):
                await attacker.peers.send("maker", attacker.request())
            await asyncio.sleep(0.1)
            assert not maker.engine.live()
            assert maker.counted == 0
            await attacker.peers.send("maker", attacker.request())
            await attacker.hears(Offer)

    asyncio.run(run())


def test_requests_for_ever_are_declined(maker, attacker):
    async def run():
        async with maker.running(), attacker.there():
            await attacker.peers.send("maker", attacker.request(expires_at=2**63))
            [decline] = await attacker.hears(Decline)
            assert decline.code == "life"

    asyncio.run(run())
