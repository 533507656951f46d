"""`settle_net`: many swaps signed by both sides; only what remains between the parties moves."""

from dataclasses import replace

import boa
import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.forms import STRANGERS, by_stranger
from tests.contracts.unit.scene import NOTHING, PEERS, SETTLED, broker, maker, peer, relayer, taker

from peersettle.trades import NETTABLE, Netting, net
from peersettle.trades.netting import NetMove
from peersettle.types import address, checksummed, keccak


def swap(scene, number=0, **changes):
    return scene.swap(**({"nonce": NETTABLE | number} | changes))


def quotes(scene, *swaps):
    """Each with both signatures."""
    by = {one.address: one for one in PEERS}
    return [scene.quote(one, by[one.maker], by[one.taker]) for one in swaps]


def with_moves(netting, *moves):
    return replace(netting, moves=tuple(moves))


def move(giver, receiver, token, amount):
    return NetMove(giver.address, receiver.address, address(token.address), amount)


def test_one_swap_nets_to_itself(scene):
    one = swap(scene)
    done = scene.settle_net(*quotes(scene, one))
    assert done.settled
    assert scene.swap_moves() == SETTLED
    (event,) = done.events
    assert type(event).__name__ == "NetSettled"
    assert event.trade_hashes == [scene.digest(one)]
    assert scene.swap_used(one)


def test_only_the_difference_moves(scene):
    """An allowance for the net is enough; the gross would need three times as much."""
    there = swap(scene)
    back = swap(scene, 1, maker=taker.address, taker=maker.address, maker_amount=200, taker_amount=1)
    back = replace(back, maker_token=there.maker_token, taker_token=there.taker_token)
    scene.dollar.approve(scene.settlement.address, 100, sender=maker.address)
    scene.ether.approve(scene.settlement.address, 1, sender=taker.address)
    scene.forbid(scene.ether, maker.address)
    scene.forbid(scene.dollar, taker.address)
    assert scene.settle_net(*quotes(scene, there, back)).settled
    assert scene.swap_moves() == (-100, 100, 1, -1)


def test_what_cancels_out_moves_nothing_and_needs_no_token(scene):
    there = swap(scene)
    back = swap(scene, 1, maker=taker.address, taker=maker.address)
    netting = net(quotes(scene, there, back))
    assert netting.moves == ()
    for one in (maker, taker):
        for token in (scene.dollar, scene.ether):
            scene.forbid(token, one.address)
    done = scene.settle_net(netting=netting)
    assert done.settled
    assert done.events[0].trade_hashes == [scene.digest(there), scene.digest(back)]
    assert scene.swap_moves() == NOTHING
    assert scene.swap_used(there)
    assert scene.settle_net(netting=netting).reason == "nonce"


def test_a_ring_of_three_needs_no_middle(scene):
    """The broker buys from the maker and sells to the taker: nothing touches its wallet."""
    buys = swap(scene, taker=broker.address)
    sells = swap(scene, 1, maker=broker.address)
    for token in (scene.dollar, scene.ether):
        scene.forbid(token, broker.address)
    assert scene.settle_net(*quotes(scene, buys, sells)).settled
    assert scene.swap_moves() == SETTLED
    assert scene.moved(scene.dollar, broker) == scene.moved(scene.ether, broker) == 0


def test_sixteen_parties_eight_tokens_and_64_swaps_settle(scene):
    crowd = sorted((peer(f"party {n}") for n in range(16)), key=lambda one: int(one.address, 16))
    tokens = [load("Token", f"T{n}", f"T{n}", 18) for n in range(8)]
    for token in tokens:
        for one in crowd:
            scene.fund(token, one.address)
    made = []
    for n in range(64):
        first, second = crowd[n % 16], crowd[(n * 5 + 3) % 16]
        if first is second:
            second = crowd[(n + 1) % 16]
        one = swap(
            scene,
            n,
            maker=first.address,
            taker=second.address,
            maker_token=tokens[n % 8].address,
            taker_token=tokens[(n + 1) % 8].address,
            maker_amount=100 + n,
            taker_amount=200 - n,
        )
        made.append(scene.quote(one, first, second))
    netting = net(made)
    assert (len(netting.parties), len(netting.tokens), len(netting.quotes)) == (16, 8, 64)
    done = scene.settle_net(netting=netting)
    assert done.settled
    assert len(done.events[0].trade_hashes) == 64
    for token in tokens:
        for one in crowd:
            gross = sum(
                (q.swap.maker_token == token.address) * q.swap.maker_amount * _sign(q.swap, one)
                - (q.swap.taker_token == token.address) * q.swap.taker_amount * _sign(q.swap, one)
                for q in made
            )
            assert scene.moved(token, one) == gross


def _sign(of, one):
    return (of.taker == one.address) - (of.maker == one.address)


def test_nothing_at_all_nets_to_nothing(scene):
    done = scene.settle_net(netting=Netting((), (), (), ()))
    assert done.settled
    assert done.events[0].trade_hashes == []


# Who has signed what


def test_the_senders_own_signature_is_not_needed(scene):
    (quote,) = quotes(scene, swap(scene))
    without = replace(quote, maker_signature=b"")
    assert scene.settle_net(without, sender=maker.address).settled
    (quote,) = quotes(scene, swap(scene, 1))
    without = replace(quote, taker_signature=b"")
    assert scene.settle_net(without, sender=taker.address).settled


@pytest.mark.parametrize("side", ["maker_signature", "taker_signature"])
def test_everybody_elses_is(scene, side):
    (quote,) = quotes(scene, swap(scene))
    for sender in (relayer, taker if side == "maker_signature" else maker):
        done = scene.settle_net(replace(quote, **{side: b""}), sender=sender.address)
        assert done.reason == "signature"


@pytest.mark.parametrize("how", STRANGERS)
@pytest.mark.parametrize(("side", "signer"), [("maker_signature", maker), ("taker_signature", taker)])
def test_each_side_itself_must_have_signed_it_for_here(scene, how, side, signer):
    (quote,) = quotes(scene, swap(scene))
    forged = by_stranger(scene, quote.swap, signer, how).to_bytes()
    assert scene.settle_net(replace(quote, **{side: forged})).reason == "signature"
    assert scene.swap_moves() == NOTHING


def test_the_netting_bit_must_have_been_signed(scene):
    netting = net(quotes(scene, swap(scene)))
    without = quotes(scene, scene.swap())[0]
    assert scene.settle_net(netting=replace(netting, quotes=(without,))).reason == "netting"


def test_a_contract_wallet_can_be_netted(scene):
    wallet = load("Wallet", broker.address)
    scene.fund(scene.dollar, wallet.address)
    one = swap(scene, maker=wallet.address)
    assert scene.settle_net(scene.quote(one, broker, taker)).settled
    assert scene.moved(scene.dollar, wallet) == -300


def test_the_deadline_is_inclusive(scene):
    made = quotes(scene, swap(scene, deadline=scene.now + 60), swap(scene, 1))
    boa.env.timestamp += 61
    assert scene.settle_net(*made).reason == "expired"
    boa.env.timestamp -= 1
    assert scene.settle_net(*made).settled


def test_a_swap_settles_once_alone_or_netted(scene):
    one, two = quotes(scene, swap(scene), swap(scene, 1))
    assert scene.settle_net(one, one).reason == "nonce"
    assert scene.take(one.swap).settled
    assert scene.settle_net(one, two).reason == "nonce"
    assert scene.settle_net(two).settled
    assert scene.take(two.swap).reason == "nonce"


def test_after_a_fork_with_another_chain_id_nothing_settles(scene):
    made = quotes(scene, swap(scene))
    boa.env.evm.patch.chain_id += 1
    assert scene.settle_net(*made).reason == "chain"


# The shape


@pytest.mark.parametrize("what", ["parties", "tokens"])
def test_parties_and_tokens_ascend_strictly(scene, what):
    netting = net(quotes(scene, swap(scene)))
    listed = getattr(netting, what)
    for wrong in (listed[::-1], (*listed, listed[-1]), (checksummed(bytes(20)), *listed)):
        assert scene.settle_net(netting=replace(netting, **{what: wrong})).reason == "order"


def test_an_index_beyond_the_lists_is_refused(scene):
    parties, tokens, swaps, moves = net(quotes(scene, swap(scene))).to_abi()
    for shift in (0, 8, 16, 24):
        route = swaps[0][0] & ~(255 << shift) | 2 << shift
        bad = [(route, *swaps[0][1:])]
        assert scene.send("settle_net", parties, tokens, bad, moves).reason == ""
    for route in (2, 2 << 8, 2 << 16, 8 << 16, 1 << 200):
        assert not scene.send("settle_net", parties, tokens, swaps, [(route, 0)]).settled


def test_unlisted_bystanders_do_no_harm(scene):
    netting = net(quotes(scene, swap(scene)))
    everybody = tuple(sorted((one.address for one in PEERS), key=lambda a: int(a, 16)))
    assert scene.settle_net(netting=replace(netting, parties=everybody)).settled
    assert scene.swap_moves() == SETTLED


# The moves


def test_moves_leave_nothing_open(scene):
    netting = net(quotes(scene, swap(scene)))
    for kept in ((), netting.moves[:1], netting.moves[1:]):
        assert scene.settle_net(netting=with_moves(netting, *kept)).reason == "net"
    assert scene.swap_moves() == NOTHING


def test_a_move_goes_from_a_debtor_to_a_creditor_within_both_nets(scene):
    netting = net(quotes(scene, swap(scene), swap(scene, 1, maker=broker.address, maker_amount=50)))
    dollars, ethers = ([m for m in netting.moves if m.token == token.address] for token in (scene.dollar, scene.ether))
    for wrong in (
        move(maker, taker, scene.dollar, 301),
        move(broker, taker, scene.dollar, 51),
        move(taker, maker, scene.dollar, 1),
        move(maker, broker, scene.dollar, 1),
        move(maker, maker, scene.dollar, 1),
        move(maker, taker, scene.ether, 1),
        move(relayer, taker, scene.dollar, 1),
    ):
        listed = tuple(sorted((one.address for one in PEERS), key=lambda a: int(a, 16)))
        shaped = replace(with_moves(netting, wrong, *dollars, *ethers), parties=listed)
        assert scene.settle_net(netting=shaped).reason == "move"
    assert scene.settle_net(netting=netting).settled


def test_a_move_may_be_split(scene):
    netting = net(quotes(scene, swap(scene)))
    halves = [move(maker, taker, scene.dollar, 120), move(maker, taker, scene.dollar, 180)]
    split = with_moves(netting, *halves, move(taker, maker, scene.ether, 2))
    assert scene.settle_net(netting=split).settled
    assert scene.swap_moves() == SETTLED


def test_an_amount_beyond_half_the_range_is_refused(scene):
    parties, tokens, swaps, moves = net(quotes(scene, swap(scene))).to_abi()
    for amount in (2**255, 2**256 - 1):
        assert scene.send("settle_net", parties, tokens, swaps, [(moves[0][0], amount)]).reason == ""
    one = swap(scene, 1, maker_amount=2**255)
    assert scene.settle_net(*quotes(scene, one)).reason == ""


def test_a_swap_with_oneself_nets_to_nothing(scene):
    """The package refuses to build one; the contract has nothing to move for it."""
    raw = (*swap(scene).to_abi()[:1], maker.address, *swap(scene).to_abi()[2:])
    digest = scene.settlement.hash_swap(raw)
    pair = maker.sign(digest).to_abi()
    tokens = sorted((scene.dollar.address, scene.ether.address), key=lambda a: int(a, 16))
    route = raw[7] << 32 | tokens.index(raw[4]) << 24 | tokens.index(raw[2]) << 16
    item = (route, raw[3], raw[5], raw[6], raw[8], *pair, *pair)
    assert scene.send("settle_net", [maker.address], tokens, [item], []).settled
    assert scene.swap_moves() == NOTHING


def test_what_a_token_says_sinks_the_whole_netting(scene):
    scene.forbid(scene.ether, taker.address)
    made = quotes(scene, swap(scene), swap(scene, 1, maker=broker.address))
    assert scene.settle_net(*made).reason == "ERC20: transfer amount exceeds allowance"
    assert scene.swap_moves() == NOTHING
    assert not any(scene.swap_used(quote.swap) for quote in made)


def test_the_hashes_tell_what_was_settled(scene):
    made = quotes(scene, *(swap(scene, n, maker_amount=n + 1) for n in range(5)))
    (event,) = scene.settle_net(*made).events
    assert event.trade_hashes == [scene.digest(quote.swap) for quote in made]
    assert keccak(b"") not in event.trade_hashes
