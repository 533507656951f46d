"""Netting moves less and changes nothing: every party ends with what gross settlement would have left it."""

from copy import deepcopy

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.drawing import net_call
from tests.contracts.differential.world import ERC20S, World, relayer

from peersettle.spec import settlement as spec
from peersettle.trades import NETTABLE, Quote, Signature, Swap, net, swap_digest
from peersettle.types import UINT256_MAX

pytestmark = pytest.mark.usefixtures("deployed")
RICH = 10**9


def wealthy(world: World, parties: int, tokens: int) -> None:
    """Nobody can fail for want of funds, on the way or in the end."""
    world.stage.contracts["paxg"].set_fee(0)
    world.erc20("paxg").fee = 0
    for name in ERC20S[:tokens]:
        for one in world.actors[:parties]:
            world.mint(name, one.address, RICH)
            world.approve(name, one.address, world.domain.settlement, UINT256_MAX)


@st.composite
def graphs(draw, world_size=6):
    """(parties, tokens, swaps as indices and amounts)."""
    parties, tokens = draw(st.integers(2, world_size)), draw(st.integers(1, 4))
    pairs = st.tuples(st.integers(0, parties - 1), st.integers(1, parties - 1)).map(
        lambda pair: (pair[0], (pair[0] + pair[1]) % parties)
    )
    amounts = st.one_of(st.integers(0, 1_000), st.just(500))
    one = st.tuples(pairs, st.integers(0, tokens - 1), amounts, st.integers(0, tokens - 1), amounts)
    return parties, tokens, draw(st.lists(one, min_size=1, max_size=20))


def signed(world: World, swaps) -> list[Quote]:
    quotes = []
    for nonce, ((makes, takes), maker_token, maker_amount, taker_token, taker_amount) in enumerate(swaps):
        maker, taker = world.actors[makes], world.actors[takes]
        swap = Swap(
            maker.address,
            taker.address,
            world.addresses[ERC20S[maker_token]],
            maker_amount,
            world.addresses[ERC20S[taker_token]],
            taker_amount,
            NETTABLE | nonce,
            world.now,
        )
        digest = swap_digest(world.domain, swap)
        quotes.append(Quote(world.domain, swap, maker.sign(digest).to_bytes(), taker.sign(digest).to_bytes()))
    return quotes


def holdings(state, world: World) -> dict:
    return {
        (name, one.role): state.contracts[world.addresses[name]].balance_of(one.address)
        for name in ERC20S
        for one in world.actors
    }


def test_a_netting_leaves_everybody_what_gross_settlement_would(examples):
    @settings(max_examples=examples(30))
    @given(graphs())
    def one(graph):
        parties, tokens, swaps = graph
        with World.fresh() as world:
            wealthy(world, parties, tokens)
            quotes = signed(world, swaps)
            gross = deepcopy(world.state)
            for quote in quotes:
                signatures = map(Signature.from_bytes, (quote.maker_signature, quote.taker_signature))
                spec.swap_relayed(gross, relayer.address, quote.swap, *signatures)
            netting = net(quotes)
            event(f"{len(quotes)} swaps in {len(netting.moves)} moves")
            assert world.do(net_call(relayer.address, *netting.to_abi())).settled
            world.assert_equal()
            assert holdings(world.state, world) == holdings(gross, world)
            assert len(netting.moves) <= len(netting.tokens) * (len(netting.parties) - 1)

    one()


def adversarial(parties, tokens, moves):
    """(what is wrong, the reason it must fail for, parties, tokens, moves)."""
    for at, (route, amount) in enumerate(moves):
        giver, receiver, token = route & 255, route >> 8 & 255, route >> 16

        def instead(*changed, at=at):
            return [*moves[:at], *changed, *moves[at + 1 :]]

        yield "nothing paid", "net", parties, tokens, instead()
        yield "too little", "net", parties, tokens, instead((route, amount - 1))
        yield "too much", "move", parties, tokens, instead((route, amount + 1))
        yield "paid twice", "move", parties, tokens, instead((route, amount), (route, amount))
        yield "the creditor pays", "move", parties, tokens, instead((token << 16 | giver << 8 | receiver, amount))
        yield "to itself", "move", parties, tokens, instead((token << 16 | giver << 8 | giver, amount))
        for via in set(range(len(parties))) - {giver, receiver}:
            through = (token << 16 | via << 8 | giver, amount), (token << 16 | receiver << 8 | via, amount)
            yield "washed through a third wallet", "move", parties, tokens, instead(*through)
            yield "lent by a third wallet", "move", parties, tokens, instead(*through[::-1])
        yield "out of thin air", "move", parties, tokens, instead((token << 16 | receiver << 8 | len(parties), amount))
    yield "party twice", "order", [*parties, parties[-1]], tokens, moves
    yield "token twice", "order", parties, [*tokens, tokens[-1]], moves
    yield "parties unsorted", "order", parties[::-1], tokens, moves


def test_no_other_moves_settle_a_netting(examples):
    @settings(max_examples=examples(5))
    @given(graphs())
    def one(graph):
        parties, tokens, swaps = graph
        with World.fresh() as world:
            wealthy(world, parties, tokens)
            addresses, assets, packed, moves = net(signed(world, swaps[:6])).to_abi()
            assume(moves)
            for wrong, reason, some_parties, some_tokens, some_moves in adversarial(addresses, assets, moves[:2]):
                rest = moves[2:]
                call = net_call(relayer.address, some_parties, some_tokens, packed, [*some_moves, *rest])
                outcome = world.do(call)
                assert not outcome.settled, wrong
                event(f"{wrong}: {outcome.reason}")
                assert outcome.reason == reason, wrong
            world.assert_equal()
            assert world.do(net_call(relayer.address, addresses, assets, packed, moves[::-1])).settled

    one()
