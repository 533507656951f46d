"""`update_batch`: one slot of many feeds under one digest, all or none."""

import pytest
from tests.contracts.differential.oracle_world import outsider
from tests.contracts.unit.oracle.scene import DOWN, ETH, PRICE, UP

from peersettle.reports import Feed
from peersettle.spec.oracle_events import BatchUpdated, CandidateOpened

BTC = Feed("BTC/USD", slot=15, max_age=120).id
SLOW = Feed("EUR/USD", slot=60, max_age=600).id


def read(oracle, feed):
    return oracle.view("read", feed).output[0]


def test_all_its_feeds_move_at_once(oracle):
    outcome = oracle.do(
        "update_batch", *oracle.batch(oracle.now, [(ETH, PRICE | 9 << 119), (BTC, 7), (SLOW, 2**87 - 1)])
    )
    assert outcome.events == (BatchUpdated(oracle.now),)
    assert read(oracle, ETH) == (PRICE, oracle.now, 9, 0, 0)
    assert read(oracle, BTC) == (7, oracle.now, 0, 0, 0)
    assert read(oracle, SLOW) == (2**87 - 1, oracle.now, 0, 0, 0)


def test_those_that_jump_become_candidates_beside_the_others(oracle):
    oracle.do("update_batch", *oracle.batch(oracle.now, [(ETH, PRICE), (BTC, PRICE)]))
    oracle.warp(15)
    outcome = oracle.do("update_batch", *oracle.batch(oracle.now, [(ETH, DOWN), (BTC, PRICE + 1)]))
    assert outcome.events == (CandidateOpened(ETH, DOWN, oracle.now), BatchUpdated(oracle.now))
    assert read(oracle, ETH)[0] == PRICE
    assert read(oracle, BTC)[0] == PRICE + 1


def test_a_round_and_a_batch_confirm_one_another(oracle):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    oracle.warp(15)
    oracle.do("update_batch", *oracle.batch(oracle.now, [(ETH, UP)]))
    oracle.warp(15)
    oracle.do("update", *oracle.round(ETH, oracle.now, UP + 1))
    assert read(oracle, ETH)[0] == UP


def test_free_bits_change_nothing(oracle):
    noise = 63 << 130 | (2**32 - 1) << 87
    assert oracle.do("update_batch", *oracle.batch(oracle.now, [(ETH, PRICE | 3 << 119 | noise)])).done
    assert read(oracle, ETH) == (PRICE, oracle.now, 3, 0, 0)


def test_twenty_four_feeds_fit_and_no_more(oracle):
    items = [(Feed(f"F{place}").id, 5) for place in range(25)]
    assert oracle.do("update_batch", *oracle.batch(oracle.now, items[:24])).done
    oracle.warp(15)
    assert not oracle._on_chain("update_batch", oracle.batch(oracle.now, items), outsider.address, []).done


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([(ETH, PRICE), (BTC, 0)], "range"),
        ([(ETH, PRICE), (ETH, PRICE)], "old"),
        ([(ETH, PRICE), (Feed("OTHER", slot=7).id, 5)], "slot"),
        ([(ETH, PRICE), (bytes(32), 5)], None),
        ([(ETH, PRICE | 1 << 87), (BTC, 1 << 87)], "range"),
    ],
)
def test_one_bad_feed_stops_all(oracle, items, reason):
    outcome = oracle.do("update_batch", *oracle.batch(oracle.now, items))
    assert (outcome.done, outcome.reason) == (False, reason)
    assert read(oracle, ETH) == (0,) * 5


def test_each_feed_has_its_own_age(oracle):
    time = oracle.now
    oracle.warp(125)
    assert oracle.do("update_batch", *oracle.batch(time, [(SLOW, 5), (ETH, PRICE)])).reason == "stale"
    assert oracle.do("update_batch", *oracle.batch(time, [(SLOW, 5)])).done
    assert oracle.do("update_batch", *oracle.batch(oracle.now + 1, [(SLOW, 5)])).reason == "future"


@pytest.mark.parametrize("length", [0, 17, 48, 50, 97])
def test_items_are_whole(oracle, length):
    data = (2 * (ETH + PRICE.to_bytes(17, "big")))[:length]
    signed = oracle.signed(oracle.batch_digest(oracle.now, data))
    assert oracle.do("update_batch", oracle.now, data, *signed).reason == "items"


def test_the_signatures_are_of_exactly_these_items_and_this_slot(oracle):
    time, data, signatures, others = oracle.batch(oracle.now, [(ETH, PRICE), (BTC, 5)])
    swapped = data[49:] + data[:49]
    assert oracle.do("update_batch", time, swapped, signatures, others).reason == "reporters"
    assert oracle.do("update_batch", time - 15, data, signatures, others).reason == "reporters"
    assert oracle.do("update_batch", time, data, signatures[:2], others).reason == "quorum"
    assert oracle.do("update_batch", time, data, [*signatures[:2], signatures[1]], others).reason == "reporters"
    assert oracle.do("update_batch", time, data, signatures, others[1:]).reason == "reporters"
    beyond = [(13 << 128, *signatures[0][1:]), *signatures[1:]]
    assert oracle.do("update_batch", time, data, beyond, others).reason is None
    assert oracle.do("update_batch", time, data, signatures, others).done


def test_a_contract_cannot_sign_a_digest(oracle):
    time, data, _, _ = oracle.batch(oracle.now, [(ETH, PRICE)])
    keys = [one for one in oracle.members if one != oracle.attester]
    signed = oracle.signed(oracle.batch_digest(time, data), [oracle.attester, *keys[:2]])
    assert oracle.do("update_batch", time, data, *signed).reason == "reporters"


def test_after_a_fork_nothing_is_taken(oracle):
    arguments = oracle.batch(oracle.now, [(ETH, PRICE)])
    oracle.fork(5)
    assert oracle.do("update_batch", *arguments).reason == "chain"
