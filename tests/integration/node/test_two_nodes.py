"""A maker's node and a taker's, from a request to a trade that is settled."""

import asyncio

import pytest
from tests.integration.node.strategies import ETHER, USD, Fixed
from tests.integration.node.waiting import quoted, settled, until

from peersettle.errors import NegotiationError, NotSettleable
from peersettle.making import No
from peersettle.rfq import Side


@pytest.fixture
def two(scene):
    return scene.party("maker", Fixed()), scene.party("taker")


async def run_trade(scene, maker, taker, submitter, buy, **changes):
    async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
        request = scene.request(taker, buy=buy, submitter=submitter, **changes)
        key = await taking.engine.request(request, ["maker"])
        peer, offer = await quoted(taking, key)
        assert peer == "maker"
        await taking.engine.accept(key, peer, offer.number, 0)
        state = await settled(taking, key)
        await settled(making, f"{key}:taker")
        return state


@pytest.mark.parametrize("submitter", list(Side))
@pytest.mark.parametrize("buy", [True, False])
def test_a_trade_settles_whoever_submits(scene, two, submitter, buy):
    maker, taker = two
    before = scene.balance(taker, "WETH"), scene.balance(taker, "USD")
    state = asyncio.run(run_trade(scene, maker, taker, submitter, buy))
    sign = 1 if buy else -1
    assert scene.balance(taker, "WETH") == before[0] + sign * ETHER
    assert scene.balance(taker, "USD") == before[1] - sign * 2_000 * USD
    assert scene.chain.receipt(state.deal.tx_hash).succeeded


def test_a_last_look_signs_only_then(scene, two):
    maker, taker = two
    state = asyncio.run(run_trade(scene, maker, taker, Side.TAKER, True, last_look=True))
    assert len(maker.strategy.looks) == 1
    assert state.answers["maker"].offer.alternatives[0].signature == b""


def test_a_last_look_may_say_no(scene, two):
    maker, taker = two
    maker.strategy.last = No("moved", "the price has moved")

    async def run():
        async with scene.node(maker, "maker"), scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker, last_look=True), ["maker"])
            peer, offer = await quoted(taking, key)
            await taking.engine.accept(key, peer, offer.number, 0)
            state = await until(lambda: taking.engine.state(key), lambda s: s.note)
            assert state.note == "the price has moved"
            with pytest.raises(NegotiationError):
                await taking.engine.accept(key, peer, offer.number, 0)

    asyncio.run(run())
    assert scene.balance(taker, "WETH") == 1_000 * ETHER


def test_a_part_is_what_settles(scene, two):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker"), scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker, partial=True), ["maker"])
            peer, offer = await quoted(taking, key)
            await taking.engine.accept(key, peer, offer.number, 1)
            await settled(taking, key)

    asyncio.run(run())
    assert scene.balance(taker, "WETH") == 1_000 * ETHER + ETHER // 2


def test_everybody_is_asked_and_the_best_is_taken(scene, two):
    maker, taker = two
    other = scene.party("other", Fixed(price=1_990))

    async def run():
        async with (
            scene.node(maker, "maker"),
            scene.node(other, "other"),
            scene.node(taker, "taker") as taking,
        ):
            key = await taking.engine.request(scene.request(taker))
            state = await until(
                lambda: taking.engine.state(key), lambda s: sum(a.offer is not None for a in s.answers.values()) == 2
            )
            best = min(state.answers, key=lambda peer: state.answers[peer].offer.alternatives[0].price)
            assert best == "other"
            await taking.engine.accept(key, best, 0, 0)
            await settled(taking, key)

    asyncio.run(run())
    assert scene.balance(taker, "USD") == (10**7 - 1_990) * USD


def test_a_decline_says_why(scene, two):
    maker, taker = two
    maker.strategy.no = No("size", "at most 5")

    async def run():
        async with scene.node(maker, "maker"), scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker), ["maker"])
            state = await until(lambda: taking.engine.state(key), lambda s: any(a.decline for a in s.answers.values()))
            decline = state.answers["maker"].decline
            assert (decline.code, decline.text) == ("size", "at most 5")

    asyncio.run(run())


def test_an_allowance_withdrawn_after_signing_is_told_to_both(scene, two, monkeypatch):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:

            def withdrawn_first(document):
                making._settler._sender.send(scene.token("WETH").approve(scene.deployment.settlement, 0))
                return submit(document)

            submit = taking._settler.submit
            monkeypatch.setattr(taking._settler, "submit", withdrawn_first)
            key = await taking.engine.request(scene.request(taker), ["maker"])
            peer, offer = await quoted(taking, key)
            await taking.engine.accept(key, peer, offer.number, 0)
            for node, name in ((taking, key), (making, f"{key}:taker")):
                state = await until(lambda n=node, k=name: n.engine.state(k), lambda s: s.deal and s.deal.problem)
                assert "has allowed 0 of the 1 WETH needed" in state.deal.problem

    asyncio.run(run())


@pytest.mark.parametrize("last_look", [False, True])
@pytest.mark.parametrize(
    ("whose", "symbol", "lacking"), [("maker", "WETH", "0 of the 1 WETH"), ("taker", "USD", "0 of the 2000 USD")]
)
def test_nothing_is_signed_that_would_not_settle(scene, two, whose, symbol, lacking, last_look):
    maker, taker = two

    async def run():
        async with scene.node(maker, "maker") as making, scene.node(taker, "taker") as taking:
            key = await taking.engine.request(scene.request(taker, last_look=last_look), ["maker"])
            peer, offer = await quoted(taking, key)
            party = {"maker": making, "taker": taking}[whose]
            party._settler._sender.send(scene.token(symbol).approve(scene.deployment.settlement, 0))
            with pytest.raises(NotSettleable, match=f"has allowed {lacking} needed"):
                await taking.engine.accept(key, peer, offer.number, 0)
            assert taking.engine.state(key).accepted is None
            assert making.engine.state(f"{key}:taker").status == "offered"
            party._settler._sender.send(scene.token(symbol).approve(scene.deployment.settlement, 10**24))
            await taking.engine.accept(key, peer, offer.number, 0)
            await settled(taking, key)

    asyncio.run(run())
